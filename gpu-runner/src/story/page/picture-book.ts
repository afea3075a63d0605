/**
 * A story as a square picture book in PDF: a cover, then the text on the left and its picture on the right, and a back.
 * Skia shapes the text, in every script, and embeds the letters that are used; pictures become JPEG.
 */
import { type Image, loadImage, PDFDocument, type SKRSContext2D } from '@napi-rs/canvas'
import type { Book } from '../../../../books/book.ts'
import { encodePlainPng, type Picture, resized } from '../../engine/io/png.ts'
import { drawLines, type SetText, setTexts, setTitle } from './book-text.ts'
import { type PageFonts, pageFonts } from './fonts.ts'
import { withReadingSettings } from './pdf-catalog.ts'
import { faded, ink, matColour, papers, rounded, stroke } from './storyboard.ts'

/** All in points: 8.5 inches, a common size of square books. */
const PAGE = 612
const SIDES = { cover: 360, page: 520, back: 150 }
const MAT = 9

/** Pixels of a picture's shorter side, for print: smaller ones are enlarged, since not every viewer does that smoothly. */
const SHARP = 768

/** @param quality of JPEG, 1 to 100. */
export async function pictureBook(book: Book, pictures: readonly Picture[], quality = 90): Promise<Uint8Array> {
  if (pictures.length === 0 || pictures.length !== book.pages.length)
    throw new RangeError(`pictureBook: ${pictures.length} pictures for ${book.pages.length} pages`)
  const images = await Promise.all(pictures.map(async (picture) => loadImage(await toPrint(picture))))
  const fonts = pageFonts([book.title, ...book.pages.map(({ text }) => text)])
  const texts = setTexts(
    fonts,
    book.pages.map(({ text }) => text),
  )
  const about = { title: book.title, creator: 'Fableframe', producer: 'Fableframe' }
  const pdf = new PDFDocument({ ...about, encodingQuality: quality })
  addPage(pdf, (context) => drawCover(context, fonts, book.title, images[0]!))
  for (const [i, image] of images.entries()) {
    addPage(pdf, (context) => drawText(context, fonts, texts[i]!, i + 1))
    addPage(pdf, (context) => drawPicture(context, image))
  }
  addPage(pdf, (context) => drawBack(context, images.at(-1)!))
  return withReadingSettings(pdf.close(), book)
}

async function toPrint(picture: Picture): Promise<Uint8Array> {
  const scale = Math.max(1, SHARP / Math.min(picture.width, picture.height))
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)]
  return encodePlainPng(await resized(picture, width, height))
}

function addPage(pdf: PDFDocument, draw: (context: SKRSContext2D) => void): void {
  const context = pdf.beginPage(PAGE, PAGE) as SKRSContext2D
  const glow = context.createRadialGradient(PAGE / 2, PAGE * 0.4, 0, PAGE / 2, PAGE * 0.4, PAGE * 0.85)
  glow.addColorStop(0, papers[0])
  glow.addColorStop(1, papers[1])
  context.fillStyle = glow
  context.fillRect(0, 0, PAGE, PAGE)
  draw(context)
  pdf.endPage()
}

/** The title over the first picture, both together in the middle of the page. */
function drawCover(context: SKRSContext2D, fonts: PageFonts, title: string, image: Image): void {
  const set = setTitle(fonts, title)
  const size = sizeWithin(image, SIDES.cover)
  const gap = 40
  const top = (PAGE - set.height - gap - size.height - 2 * MAT) / 2
  context.fillStyle = ink
  drawLines(context, set, PAGE / 2, top)
  stroke(context, PAGE / 2, top + set.height + gap / 2 - 4)
  drawPrint(context, image, size, top + set.height + gap + MAT)
}

function drawText(context: SKRSContext2D, fonts: PageFonts, text: SetText, number: number): void {
  const gap = 30
  // A little above the middle, where the eye looks for it.
  const top = (PAGE - text.height - gap) * 0.47
  context.fillStyle = ink
  drawLines(context, text, PAGE / 2, top)
  stroke(context, PAGE / 2, top + text.height + gap)
  context.fillStyle = faded
  context.font = fonts.text(12)
  context.textAlign = 'center'
  context.fillText(String(number), PAGE / 2, PAGE - 30)
}

/** A square picture fills its page; others stand on the paper. */
function drawPicture(context: SKRSContext2D, image: Image): void {
  const size = sizeWithin(image, SIDES.page)
  if (image.width === image.height) context.drawImage(image, 0, 0, PAGE, PAGE)
  else drawPrint(context, image, size, (PAGE - size.height) / 2)
}

/** The last picture once more, as a small round one. */
function drawBack(context: SKRSContext2D, image: Image): void {
  const side = Math.min(image.width, image.height)
  const [left, top] = [(PAGE - SIDES.back) / 2, PAGE * 0.45 - SIDES.back / 2]
  context.save()
  rounded(context, left, top, SIDES.back, SIDES.back, SIDES.back / 2)
  context.clip()
  const [x, y] = [(image.width - side) / 2, (image.height - side) / 2]
  context.drawImage(image, x, y, side, side, left, top, SIDES.back, SIDES.back)
  context.restore()
  stroke(context, PAGE / 2, top + SIDES.back + 34)
}

interface Size {
  readonly width: number
  readonly height: number
}

/** As large as fits a square of `side`. */
function sizeWithin({ width, height }: Size, side: number): Size {
  const scale = side / Math.max(width, height)
  return { width: width * scale, height: height * scale }
}

/** A picture on a white mat, in the middle of the page, with a soft shadow made of faint layers: a blur would be a bitmap. */
function drawPrint(context: SKRSContext2D, image: Image, { width, height }: Size, y: number): void {
  const x = (PAGE - width) / 2
  context.fillStyle = 'rgba(80, 55, 25, 0.022)'
  for (let spread = 8; spread >= 1; spread--) {
    const out = MAT + spread * 1.3
    rounded(context, x - out, y - out + 5, width + 2 * out, height + 2 * out, 12 + spread)
    context.fill()
  }
  context.fillStyle = matColour
  rounded(context, x - MAT, y - MAT, width + 2 * MAT, height + 2 * MAT, 13)
  context.fill()
  context.save()
  rounded(context, x, y, width, height, 7)
  context.clip()
  context.drawImage(image, x, y, width, height)
  context.restore()
}
