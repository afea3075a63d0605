/** The texts of a picture book, set: sizes, lines, and where each line begins. Lengths are in points. */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas'
import { isRightToLeft } from '../../../../books/book.ts'
import { paragraphsOf, typeSizes } from '../../../../books/type-size.ts'
import { fillLine, type PageFonts, wrap } from './fonts.ts'
import { breakLines, measuredWords, type Word } from './paragraphs.ts'

export interface SetText {
  /** A CSS font. */
  readonly font: string
  readonly lines: readonly Line[]
  readonly leading: number
  readonly height: number
  readonly width: number
  readonly isCentred: boolean
}

interface Line {
  readonly text: string
  readonly indent: number
  readonly isRightToLeft: boolean
}

/** A paragraph, measured in type of 1 point. */
interface Paragraph {
  readonly words: readonly Word[]
  readonly isRightToLeft: boolean
}

const COLUMN = 456
/** Of large type, which leaves the page air, and of type that is small because there is much of it. */
const HEIGHTS = { large: 290, small: 470 }
const SIZES = [34, 31, 28, 25, 23, 21, 19, 17, 16, 15, 14, 13, 12, 11, 10, 9]
const SMALLEST = 9
const COMFORTABLE = 25
/** Of lines and of the first line of a paragraph, in type of 1 point. */
const LEADING = 1.42
const INDENT = 1.4
/** Lines that are centred; more are easier to read when they begin at one side. */
const CENTRED = 6
const TITLE = { sizes: [54, 47, 41, 36, 31, 27], width: 500, lines: 2, leading: 1.16, most: 4 }

/** Every text in the type of the book; one that is too long for its page even in the smallest type ends in an ellipsis. */
export function setTexts(fonts: PageFonts, texts: readonly string[]): SetText[] {
  const measured = texts.map((text) =>
    paragraphsOf(text).map((paragraph) => measure(fonts.text, paragraph, COLUMN / 34)),
  )
  const fits = (paragraphs: Paragraph[], size: number) =>
    setText(fonts, paragraphs, size).height <= (size > COMFORTABLE ? HEIGHTS.large : HEIGHTS.small)
  const sizes = typeSizes(measured, SIZES, COMFORTABLE, fits)
  return texts.map((text, i) => {
    const set = setText(fonts, measured[i]!, sizes[i]!)
    if (set.height <= HEIGHTS.small) return set
    // Very many paragraphs, or letters far wider than any alphabet's.
    const joined = measure(fonts.text, text.replace(/\s+/g, ' '), COLUMN / SMALLEST)
    const run = setText(fonts, [joined], SMALLEST)
    return run.height <= HEIGHTS.small ? run : cutOff(fonts, text)
  })
}

/** @param most the width of a line, in type of 1 point. */
function measure(fontOf: (size: number) => string, text: string, most: number): Paragraph {
  // Widths grow with the size; large ones are not rounded.
  const words = measuredWords(penWith(fontOf(100)), text, most * 100)
  return {
    words: words.map(({ text, width, space }) => ({ text, width: width / 100, space: space / 100 })),
    isRightToLeft: isRightToLeft(text),
  }
}

function setText(fonts: PageFonts, paragraphs: readonly Paragraph[], size: number): SetText {
  const width = COLUMN / size
  const centred = paragraphs.map(({ words }) => breakLines(words, width, true))
  const isCentred = centred.flat().length <= CENTRED
  const broken = isCentred
    ? centred
    : paragraphs.map(({ words }, i) => breakLines(words, width, false, i > 0 ? INDENT : 0))
  const lines = broken.flatMap((lines, p) =>
    lines.map((text, i): Line => {
      const indent = p > 0 && i === 0 && !isCentred ? INDENT * size : 0
      return { text, indent, isRightToLeft: paragraphs[p]!.isRightToLeft }
    }),
  )
  return laidOut(fonts.text(size), lines, size * LEADING, isCentred)
}

function cutOff(fonts: PageFonts, text: string): SetText {
  const leading = SMALLEST * LEADING
  const font = fonts.text(SMALLEST)
  const lines = wrap(penWith(font), text, COLUMN, Math.floor(HEIGHTS.small / leading))
  return laidOut(font, linesOf(lines, isRightToLeft(text)), leading, false)
}

/** As large as it fits, in at most two lines if that can be. */
export function setTitle(fonts: PageFonts, title: string): SetText {
  const { sizes, width, leading, most } = TITLE
  const linesIn = (size: number) => breakLines(measure(fonts.title, title, width / size).words, width / size, true)
  const size = sizes.find((size) => linesIn(size).length <= TITLE.lines) ?? sizes.at(-1)!
  const all = linesIn(size)
  const lines = all.length <= most ? all : wrap(penWith(fonts.title(size)), title, width, most)
  return laidOut(fonts.title(size), linesOf(lines, isRightToLeft(title)), size * leading, true)
}

const linesOf = (lines: readonly string[], isRightToLeft: boolean): Line[] =>
  lines.map((text) => ({ text, indent: 0, isRightToLeft }))

function laidOut(font: string, lines: readonly Line[], leading: number, isCentred: boolean): SetText {
  const height = lines.length * leading
  if (isCentred) return { font, lines, leading, isCentred, width: COLUMN, height }
  const context = penWith(font)
  const width = Math.max(0, ...lines.map(({ text, indent }) => indent + context.measureText(text).width))
  return { font, lines, leading, isCentred, width, height }
}

/** Draw in the context's colour, around the middle `x`, from `top` on. */
export function drawLines(context: SKRSContext2D, set: SetText, x: number, top: number): void {
  const { font, lines, leading, isCentred, width } = set
  context.font = font
  context.textBaseline = 'alphabetic'
  for (const [i, { text, indent, isRightToLeft }] of lines.entries()) {
    // The baseline lies about three quarters down.
    const y = top + (i + 0.74) * leading
    if (isCentred) {
      const own = context.measureText(text).width
      fillLine(context, text, x - own / 2, y, own)
    } else fillLine(context, text, x - width / 2 + (isRightToLeft ? 0 : indent), y, width - indent)
  }
}

const pen = createCanvas(1, 1).getContext('2d')

function penWith(font: string): SKRSContext2D {
  pen.font = font
  return pen
}
