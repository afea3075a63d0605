/** The page of a story: title, cast and captioned frames on paper. */

import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas'
import { isRightToLeft } from '../../../../books/book.ts'
import { type Picture, resized } from '../../engine/io/png.ts'
import { fillLine, type PageFonts, pageFonts, wrap } from './fonts.ts'
import { drawPicture } from './sheet.ts'

export interface StoryboardFrame extends Picture {
  readonly caption: string
}

export interface StoryboardText {
  readonly title: string
  readonly cast?: readonly { readonly name: string; readonly description: string }[]
}

export const ink = '#3d3229'
export const faded = '#6b5e52'
/** Colours of characters and badges: 4.5 : 1 and more on the paper, and under white. */
export const accents = ['#a8442a', '#236b66', '#85590a', '#6b5896']
/** The paper in the middle and at its corners, and the mats of the pictures. */
export const papers = ['#fbf6ec', '#f1e6d3'] as const
export const matColour = '#fffdf9'

/** All in pixels. */
const margin = 64
const gutter = 36
const mat = 16
const title = { size: 46, line: 54 }
const cast = { size: 18, line: 27 }
const caption = { size: 19, line: 27, lines: 6 }
const badge = 15

/** Frames no wider than this are enlarged to it. */
const frameWidth = 384
const widestFrame = 640

interface Print {
  readonly picture: Picture
  readonly caption: readonly string[]
}

/** The page as PNG. Frames keep their proportions. */
export async function storyboard(frames: readonly StoryboardFrame[], text: StoryboardText): Promise<Buffer> {
  if (frames.length === 0) throw new RangeError('storyboard: a story without frames')
  const width = Math.min(widestFrame, Math.max(frameWidth, ...frames.map((frame) => frame.width)))
  const fonts = pageFonts(textsOf(frames, text))
  const pen = createCanvas(1, 1).getContext('2d')
  const prints = await Promise.all(frames.map((frame) => print(pen, fonts, frame, width)))
  const rows = inRows(prints, columnsFor(frames.length))
  const pageWidth = 2 * margin + rows[0]!.length * (width + 2 * mat) + (rows[0]!.length - 1) * gutter
  const head = heading(pen, fonts, text, pageWidth - 2 * margin)
  const heights = rows.map(rowHeight)
  const pageHeight = margin + head.height + heights.reduce((sum, height) => sum + height + gutter, -gutter) + margin

  const canvas = createCanvas(pageWidth, pageHeight)
  const context = canvas.getContext('2d')
  paper(context, pageWidth, pageHeight)
  head.draw(context, pageWidth / 2, margin)
  let y = margin + head.height
  let number = 0
  for (const [r, row] of rows.entries()) {
    const rowWidth = row.length * (width + 2 * mat) + (row.length - 1) * gutter
    for (const [c, each] of row.entries()) {
      const x = (pageWidth - rowWidth) / 2 + c * (width + 2 * mat + gutter)
      drawPrint(context, fonts, each, x, y, width, heights[r]!, ++number)
    }
    y += heights[r]! + gutter
  }
  return canvas.encode('png')
}

function textsOf(frames: readonly StoryboardFrame[], { title, cast = [] }: StoryboardText): string[] {
  return [title, ...cast.flatMap(({ name, description }) => [name, description]), ...frames.map((each) => each.caption)]
}

export function columnsFor(count: number): number {
  if (count <= 3) return count
  if (count === 4) return 2
  return count <= 6 || count === 9 ? 3 : 4
}

export function inRows<T>(items: readonly T[], columns: number): T[][] {
  const rows = Math.ceil(items.length / columns)
  return Array.from({ length: rows }, (_, r) => items.slice(r * columns, (r + 1) * columns))
}

async function print(pen: SKRSContext2D, fonts: PageFonts, frame: StoryboardFrame, width: number): Promise<Print> {
  pen.font = fonts.text(caption.size)
  return {
    picture: await resized(frame, width, Math.max(1, Math.round((frame.height * width) / frame.width))),
    caption: wrap(pen, frame.caption, width - 2 * badge - 14, caption.lines),
  }
}

function rowHeight(row: readonly Print[]): number {
  const picture = Math.max(...row.map((each) => each.picture.height))
  const lines = Math.max(1, ...row.map((each) => each.caption.length))
  return mat + picture + mat + lines * caption.line + mat
}

/** The title over a short stroke of colour, and the cast below. */
function heading(pen: SKRSContext2D, fonts: PageFonts, text: StoryboardText, width: number) {
  pen.font = fonts.title(title.size)
  const titles = wrap(pen, text.title, width, 2)
  pen.font = fonts.text(cast.size)
  const members = (text.cast ?? []).map(({ name, description }) => castLine(pen, fonts, name, description, width))
  const titleHeight = titles.length > 0 ? titles.length * title.line + 34 : 0
  const height = titleHeight + members.length * cast.line + (titleHeight + members.length > 0 ? 28 : 0)
  const draw = (context: SKRSContext2D, middle: number, top: number) => {
    context.textBaseline = 'alphabetic'
    context.textAlign = 'center'
    context.fillStyle = ink
    context.font = fonts.title(title.size)
    for (const [i, line] of titles.entries()) context.fillText(line, middle, top + i * title.line + title.size * 0.86)
    if (titles.length > 0) stroke(context, middle, top + titles.length * title.line + 11)
    context.textAlign = 'left'
    for (const [i, { name, rest, width: length }] of members.entries()) {
      const y = top + titleHeight + i * cast.line + cast.size
      const x = middle - length / 2
      context.font = fonts.text(cast.size, 800)
      context.fillStyle = accents[i % accents.length]!
      const after = context.measureText(name).width
      const fromRight = isRightToLeft(name)
      fillLine(context, name, fromRight ? x + length - after : x, y, after)
      context.font = fonts.text(cast.size)
      context.fillStyle = faded
      fillLine(context, rest, fromRight ? x : x + length - context.measureText(rest).width, y, length - after)
    }
  }
  return { height, draw }
}

function castLine(pen: SKRSContext2D, fonts: PageFonts, name: string, description: string, width: number) {
  pen.font = fonts.text(cast.size, 800)
  const [shown = ''] = wrap(pen, name, width / 2, 1)
  const nameWidth = pen.measureText(shown).width
  pen.font = fonts.text(cast.size)
  const [rest = ''] = wrap(pen, description, width - nameWidth - 10, 1)
  const spaced = rest === '' ? '' : `  ${rest}`
  return { name: shown, rest: spaced, width: nameWidth + pen.measureText(spaced).width }
}

/** A wavy line as if drawn by hand. */
export function stroke(context: SKRSContext2D, middle: number, y: number): void {
  context.strokeStyle = accents[0]!
  context.lineWidth = 5
  context.lineCap = 'round'
  context.beginPath()
  for (let i = 0; i <= 48; i++) context.lineTo(middle - 60 + i * 2.5, y + 3.5 * Math.sin((i / 48) * 4 * Math.PI))
  context.stroke()
}

/** Warm paper, lighter in the middle, with a fine even grain. */
export function paper(context: SKRSContext2D, width: number, height: number): void {
  const glow = context.createRadialGradient(
    width / 2,
    height * 0.4,
    0,
    width / 2,
    height * 0.4,
    Math.hypot(width, height) * 0.6,
  )
  glow.addColorStop(0, papers[0])
  glow.addColorStop(1, papers[1])
  context.fillStyle = glow
  context.fillRect(0, 0, width, height)
  context.fillStyle = 'rgba(120, 95, 60, 0.05)'
  // Multiples of two irrational numbers cover the page evenly without a visible pattern.
  for (let i = 0; i < (width * height) / 90; i++) {
    context.fillRect((i * 0.7548776662 * width) % width, (i * 0.569840291 * height) % height, 1.4, 1.4)
  }
}

/** One frame as a print on a white mat, its number and caption below. */
function drawPrint(
  context: SKRSContext2D,
  fonts: PageFonts,
  { picture, caption: lines }: Print,
  x: number,
  y: number,
  width: number,
  height: number,
  number: number,
) {
  context.save()
  context.shadowColor = 'rgba(80, 55, 25, 0.20)'
  context.shadowBlur = 22
  context.shadowOffsetY = 8
  context.fillStyle = matColour
  rounded(context, x, y, width + 2 * mat, height, 22)
  context.fill()
  context.restore()

  context.save()
  rounded(context, x + mat, y + mat, width, picture.height, 12)
  context.clip()
  drawPicture(context, picture, x + mat, y + mat)
  context.restore()

  const top = y + mat + picture.height + mat
  context.fillStyle = accents[(number - 1) % accents.length]!
  context.beginPath()
  context.arc(x + mat + badge, top + caption.line / 2, badge, 0, 2 * Math.PI)
  context.fill()
  context.fillStyle = '#ffffff'
  context.font = fonts.text(16, 800)
  context.textAlign = 'center'
  context.fillText(String(number), x + mat + badge, top + caption.line / 2 + 5.5)
  context.textAlign = 'left'
  context.fillStyle = ink
  context.font = fonts.text(caption.size)
  const [left, length] = [x + mat + 2 * badge + 14, width - 2 * badge - 14]
  for (const [i, line] of lines.entries())
    fillLine(context, line, left, top + (i + 0.5) * caption.line + caption.size * 0.35, length)
}

export function rounded(
  context: SKRSContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath()
  context.roundRect(x, y, width, height, radius)
}
