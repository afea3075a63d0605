/** The page of a self-check: each frame with its characters outlined, everyone in a colour of their own, and scores. */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas'
import type { ConsistencyReport } from '../../../../contract/consistency.ts'
import { type Picture, resized } from '../../engine/io/png.ts'
import type { Sightings } from '../check/consistency.ts'
import type { Mask } from '../measures/pictures.ts'
import { type PageFonts, pageFonts, wrap } from './fonts.ts'
import { drawPicture } from './sheet.ts'
import { accents, columnsFor, faded, ink, inRows, matColour, paper, rounded, stroke } from './storyboard.ts'

export interface SheetFrame {
  readonly picture: Picture
  readonly characters: Sightings
}

/** All in pixels. */
const margin = 48
const gutter = 28
const mat = 14
const line = 30
const head = 118
/** Width of a frame, in stories of up to a dozen and in longer ones. */
const widths = [320, 200] as const
/** Around a character: the light, then the colour on it. */
const strokes = [
  [7, 'rgba(255, 255, 255, 0.9)'],
  [3.5, null],
] as const

type Point = readonly [number, number]

/** As PNG. `frames` are those of the report, in its order. */
export async function checkSheet(
  frames: readonly SheetFrame[],
  report: ConsistencyReport,
  { cast }: { readonly cast: readonly { readonly id: string; readonly name: string }[] },
): Promise<Buffer> {
  if (frames.length === 0 || frames.length !== report.frames.length)
    throw new RangeError(`checkSheet: ${frames.length} frames, and a report on ${report.frames.length}`)
  const width = widths[frames.length > 12 ? 1 : 0]
  const prints = await Promise.all(
    frames.map(async ({ picture, characters }, i) => ({
      picture: await resized(picture, width, Math.max(1, Math.round((picture.height * width) / picture.width))),
      characters,
      check: report.frames[i]!,
    })),
  )
  const cardHeight = ({ picture, check }: (typeof prints)[number]) =>
    mat + picture.height + mat + Math.max(1, check.characters.length) * line + mat / 2
  const rows = inRows(prints, columnsFor(prints.length))
  const card = width + 2 * mat
  const pageWidth = Math.max(2 * margin + rows[0]!.length * (card + gutter) - gutter, 560)
  const heights = rows.map((row) => Math.max(...row.map(cardHeight)))
  const pageHeight = head + heights.reduce((sum, height) => sum + height + gutter, 0) - gutter + margin
  const canvas = createCanvas(pageWidth, pageHeight)
  const context = canvas.getContext('2d')
  paper(context, pageWidth, pageHeight)
  const fonts = pageFonts(['↻', ...cast.map(({ name }) => name)])
  drawHead(context, fonts, report, pageWidth)
  let y = head
  for (const [r, row] of rows.entries()) {
    const rowWidth = row.length * (card + gutter) - gutter
    for (const [c, { picture, characters, check }] of row.entries()) {
      const x = (pageWidth - rowWidth) / 2 + c * (card + gutter)
      context.save()
      Object.assign(context, { shadowColor: 'rgba(80, 55, 25, 0.20)', shadowBlur: 18, shadowOffsetY: 6 })
      context.fillStyle = matColour
      rounded(context, x, y, card, heights[r]!, 18)
      context.fill()
      context.restore()
      context.save()
      rounded(context, x + mat, y + mat, width, picture.height, 10)
      context.clip()
      drawPicture(context, picture, x + mat, y + mat)
      outline(context, characters, picture, x + mat, y + mat)
      context.restore()
      const top = y + mat + picture.height + mat
      drawScores(context, fonts, check, cast, x + mat, top, width)
    }
    y += heights[r]! + gutter
  }
  return canvas.encode('png')
}

const percent = (score: number | null) => (score === null ? '–' : `${Math.round(100 * score)} %`)

function drawHead(context: SKRSContext2D, fonts: PageFonts, { score, frames }: ConsistencyReport, width: number): void {
  context.textAlign = 'center'
  context.fillStyle = ink
  context.font = fonts.title(34)
  const scored = frames.filter((frame) => frame.score !== null).length
  context.fillText(score === null ? 'Who is where' : `${percent(score)} consistent`, width / 2, 58)
  stroke(context, width / 2, 72)
  context.font = fonts.text(15)
  context.fillStyle = faded
  const redraws = frames.reduce((sum, frame) => sum + frame.redraws, 0)
  const said = [
    score === null ? 'characters as they were found' : `how surely ${scored} frames show the same characters`,
    ...(redraws > 0 ? [`${redraws} drawn again`] : []),
  ]
  context.fillText(said.join(' · '), width / 2, 100)
  context.textAlign = 'left'
}

/** A line for each character: a dot in its colour, its name, a bar as long as its score, the score. */
function drawScores(
  context: SKRSContext2D,
  fonts: PageFonts,
  { index, redraws, characters }: ConsistencyReport['frames'][number],
  cast: readonly { readonly id: string; readonly name: string }[],
  x: number,
  y: number,
  width: number,
): void {
  const number = `${index + 1}${redraws > 0 ? ` ↻${redraws}` : ''}`
  context.font = fonts.text(15, 800)
  context.fillStyle = faded
  context.textAlign = 'right'
  context.fillText(number, x + width, y + 20)
  const right = x + width - context.measureText(number).width - 14
  context.textAlign = 'left'
  if (characters.length === 0) {
    context.font = fonts.text(15)
    context.fillText('nobody', x, y + 20)
  }
  for (const [i, { id, score, to_references }] of characters.entries()) {
    const c = cast.findIndex((one) => one.id === id)
    const colour = accents[c % accents.length]!
    const middle = y + i * line + 15
    context.fillStyle = colour
    context.beginPath()
    context.arc(x + 7, middle, 7, 0, 2 * Math.PI)
    context.fill()
    context.font = fonts.text(16, 800)
    context.fillStyle = ink
    const [name = ''] = wrap(context, cast[c]?.name ?? id, width * 0.3, 1)
    context.fillText(name, x + 22, middle + 5.5)
    const shown = score ?? to_references
    const [from, to] = [x + 0.38 * width, right - 52]
    if (shown !== null) {
      for (const [end, style] of [
        [to, '#efe6d6'],
        [from + shown * (to - from), colour],
      ] as const) {
        context.fillStyle = style
        rounded(context, from, middle - 4, Math.max(8, end - from), 8, 4)
        context.fill()
      }
      context.fillStyle = ink
      context.textAlign = 'right'
      context.fillText(percent(shown), right, middle + 5.5)
      context.textAlign = 'left'
    }
  }
}

/** Everything but the characters is paled, and each character is outlined. */
function outline(
  context: SKRSContext2D,
  characters: Sightings,
  { width, height }: Picture,
  x: number,
  y: number,
): void {
  const paths = characters.map((sighting) => sighting && contour(sighting.mask, Math.max(width, height)))
  if (paths.every((segments) => segments === null)) return
  for (const [wide, style] of strokes)
    for (const [c, segments] of paths.entries()) {
      if (!segments) continue
      context.strokeStyle = style ?? accents[c % accents.length]!
      context.lineWidth = wide
      context.lineCap = 'round'
      context.beginPath()
      for (const [[ax, ay], [bx, by]] of segments) {
        context.moveTo(x + ax, y + ay)
        context.lineTo(x + bx, y + by)
      }
      context.stroke()
    }
}

/** Marching squares around where the mask, made smooth, is at least a half; in pixels of a picture of this size. */
function contour({ data, side }: Mask, size: number): [Point, Point][] {
  // Between the cells of the mask there are three more samples, and beyond its edges it is empty.
  const fine = 4 * side
  const field = smooth(data, side)
  const at = (u: number, v: number) =>
    u < 0 || v < 0 || u >= fine || v >= fine ? 0 : sampled(field, side, (u + 0.5) / 4, (v + 0.5) / 4)
  const values = Array.from({ length: fine + 2 }, (_, v) =>
    Float32Array.from({ length: fine + 2 }, (_, u) => at(u - 1, v - 1)),
  )
  const scale = size / fine
  const segments: [Point, Point][] = []
  for (let v = 0; v <= fine; v++)
    for (let u = 0; u <= fine; u++) {
      const corners = [values[v]![u]!, values[v]![u + 1]!, values[v + 1]![u + 1]!, values[v + 1]![u]!] as const
      const places: Point[] = [
        [u, v],
        [u + 1, v],
        [u + 1, v + 1],
        [u, v + 1],
      ]
      const crossings = corners.flatMap((a, i): Point[] => {
        const b = corners[(i + 1) % 4]!
        if (a >= 0.5 === b >= 0.5) return []
        const share = (0.5 - a) / (b - a)
        const [[ax, ay], [bx, by]] = [places[i]!, places[(i + 1) % 4]!]
        return [[(ax + share * (bx - ax) - 0.5) * scale, (ay + share * (by - ay) - 0.5) * scale]]
      })
      for (let i = 0; i + 1 < crossings.length; i += 2) segments.push([crossings[i]!, crossings[i + 1]!])
    }
  return segments
}

/** The mean of each cell and its neighbours, the cell itself weighing four times, and those beside it twice. */
function smooth(data: Float32Array, side: number): Float32Array {
  const weights = [1, 2, 1]
  return Float32Array.from(data, (_, i) => {
    let sum = 0
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const [x, y] = [(i % side) + dx, Math.floor(i / side) + dy]
        if (x >= 0 && y >= 0 && x < side && y < side)
          sum += (weights[dx + 1]! * weights[dy + 1]! * data[y * side + x]!) / 16
      }
    return sum
  })
}

/** Bilinear, at a place counted in cells from the corner of the grid. */
function sampled(field: Float32Array, side: number, u: number, v: number): number {
  const [x, y] = [Math.max(0, Math.min(side - 1, u - 0.5)), Math.max(0, Math.min(side - 1, v - 0.5))]
  const [left, top] = [Math.floor(x), Math.floor(y)]
  const [right, below] = [Math.min(side - 1, left + 1), Math.min(side - 1, top + 1)]
  const [a, b] = [x - left, y - top]
  const row = (r: number) => (1 - a) * field[r * side + left]! + a * field[r * side + right]!
  return (1 - b) * row(top) + b * row(below)
}
