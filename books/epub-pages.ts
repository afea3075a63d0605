/** The pages of an EPUB, each a document of its own. */
import { type Book, isRightToLeft } from './book.ts'
import { paragraphsOf, typeSizes } from './type-size.ts'

export interface BookPicture {
  /** In pixels. */
  readonly width: number
  readonly height: number
  /** Its PNG. */
  readonly read: () => Promise<Uint8Array>
}

/** The side of a page in CSS pixels; readers scale it to their screen. All that follows is in these too. */
export const VIEWPORT = 1200
const COLUMN = 900
const HEIGHTS = { large: 560, small: 920 }
const SMALLEST = 17
const SIZES = [64, 58, 52, 46, 42, 38, 34, 31, 28, 25, 22, 19, SMALLEST]
const COMFORTABLE = 42
const LEADING = 1.45
const SIDES = { cover: 780, page: 1040, back: 300 }
/** Lines that are centred; more are easier to read when they begin at one side. */
const CENTRED = 6

export function coverPage(book: Book, picture: BookPicture): string {
  const size = [96, 82, 70, 60, 52, 44].find((size) => lines(book.title, size, 1040) <= 2) ?? 40
  return document(
    book,
    `<div class="middle"><h1 style="font-size: ${size}px"${direction(book.title)}>${escaped(book.title)}</h1>
${stroke}
${print(picture, 1, book.pages[0]!.alt, SIDES.cover)}</div>`,
  )
}

export function textPages(book: Book): string[] {
  const fits = (text: string, size: number) =>
    linesOf(text, size) * size * LEADING <= (size > COMFORTABLE ? HEIGHTS.large : HEIGHTS.small)
  const texts = book.pages.map(({ text }) => (fits(text, SMALLEST) ? text : text.replace(/\s+/g, ' ')))
  const sizes = typeSizes(texts, SIZES, COMFORTABLE, fits)
  return texts.map((text, i) => {
    const size = sizes[i]!
    const isLong = linesOf(text, size) > CENTRED
    const paragraphs = paragraphsOf(text).map((paragraph) => `<p${direction(paragraph)}>${escaped(paragraph)}</p>`)
    return document(
      book,
      `<div class="middle"><div class="${isLong ? 'text long' : 'text'}" style="font-size: ${size}px">
${paragraphs.join('\n')}
</div>
${stroke}</div>
<p class="number">${i + 1}</p>`,
    )
  })
}

/** A square picture fills its page; others stand on the paper. */
export function picturePage(book: Book, i: number, picture: BookPicture): string {
  const alt = book.pages[i]!.alt
  if (picture.width === picture.height)
    return document(book, `<img class="full" src="picture-${i + 1}.png" alt="${escaped(alt)}"/>`)
  return document(book, `<div class="middle">${print(picture, i + 1, alt, SIDES.page)}</div>`)
}

/** The last picture once more, as a small round one. */
export function backPage(book: Book, number: number, { width, height }: BookPicture): string {
  const scale = SIDES.back / Math.min(width, height)
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  const place = `width: ${w}px; height: ${h}px; margin: ${(SIDES.back - h) / 2}px ${(SIDES.back - w) / 2}px`
  return document(
    book,
    `<div class="middle"><div class="round"><img src="picture-${number}.png" alt="" style="${place}"/></div>
${stroke}</div>`,
  )
}

/** As large as fits a square of `side`. */
function print({ width, height }: BookPicture, number: number, alt: string, side: number): string {
  const scale = side / Math.max(width, height)
  const size = `width: ${Math.round(width * scale)}px; height: ${Math.round(height * scale)}px`
  return `<img class="print" src="picture-${number}.png" alt="${escaped(alt)}" style="${size}"/>`
}

const linesOf = (text: string, size: number) =>
  paragraphsOf(text).reduce((sum, paragraph) => sum + lines(paragraph, size, COLUMN), 0)

/** About as many as a paragraph takes, with a wide font. */
function lines(paragraph: string, size: number, width: number): number {
  const ems = Array.from(paragraph).reduce(
    (sum, letter) => sum + (widths.find(([kind]) => kind.test(letter))?.[1] ?? 0.6),
    0,
  )
  return Math.ceil((ems * size) / (width * 0.95))
}
const widths: readonly (readonly [RegExp, number])[] = [
  [/[WMwm@%\u2014\u2026]/u, 1.12],
  [/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Extended_Pictographic}]/u, 1],
  [/\p{Lu}/u, 0.8],
]

const direction = (text: string) => (isRightToLeft(text) ? ' dir="rtl"' : '')

const stroke = `<svg class="stroke" xmlns="http://www.w3.org/2000/svg" width="150" height="24" viewBox="0 0 150 24" aria-hidden="true">
<path d="M4 12 q 17.75 -13 35.5 0 t 35.5 0 t 35.5 0 t 35.5 0"/></svg>`

/** Text in XML, or in an attribute. Control characters that XML has no way to write are left out. */
export function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, (letter) => (/\s/.test(letter) ? ' ' : ''))
    .replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)
}

function document({ title, language }: Book, body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" lang="${language}" xml:lang="${language}">
<head>
  <title>${escaped(title)}</title>
  <meta name="viewport" content="width=${VIEWPORT}, height=${VIEWPORT}"/>
  <link rel="stylesheet" type="text/css" href="style.css"/>
</head>
<body>
${body}
</body>
</html>
`
}

export const STYLE = `html, body { margin: 0; padding: 0; }
body { position: relative; width: ${VIEWPORT}px; height: ${VIEWPORT}px; overflow: hidden; background: #fbf6ec; color: #3d3229;
  font-family: Nunito, "Avenir Next", "Segoe UI", Candara, sans-serif; font-weight: 600; }
.middle { position: absolute; top: 0; left: 0; width: ${VIEWPORT}px; height: ${VIEWPORT}px;
  display: flex; flex-direction: column; align-items: center; justify-content: center; }
h1 { max-width: 1040px; margin: 0; text-align: center; text-wrap: balance; line-height: 1.15; color: #3d3229;
  font-family: Fredoka, Quicksand, "Arial Rounded MT Bold", Nunito, sans-serif; font-weight: 600; }
.text { max-width: ${COLUMN}px; line-height: ${LEADING}; text-align: center; text-wrap: balance; overflow-wrap: break-word; }
.text p { margin: 0; }
.long { width: ${COLUMN}px; text-align: start; text-wrap: pretty; }
.long p + p { text-indent: 1.4em; }
.stroke { display: block; margin: 36px 0; fill: none; stroke: #a8442a; stroke-width: 7px; stroke-linecap: round; }
.number { position: absolute; bottom: 56px; left: 0; width: ${VIEWPORT}px; margin: 0; text-align: center; font-size: 26px;
  color: #6b5e52; }
.full { display: block; width: ${VIEWPORT}px; height: ${VIEWPORT}px; }
.print { display: block; border-radius: 22px; border: 18px solid #fffdf9; box-shadow: 0 10px 30px rgba(80, 55, 25, 0.2); }
.round { width: ${SIDES.back}px; height: ${SIDES.back}px; overflow: hidden; border-radius: 50%; }
.round img { display: block; max-width: none; }
`
