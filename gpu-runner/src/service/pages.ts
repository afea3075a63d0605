/** What is made of all frames of a story: its storyboard and its book, within the bytes that the edge takes. */
import sharp from 'sharp'
import { bookOf } from '../../../books/book.ts'
import { MAX_BOOK_BYTES, MAX_IMAGE_BYTES } from '../../../contract/runner.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { type Picture, readImage } from '../engine/io/png.ts'
import { pictureBook } from '../story/page/picture-book.ts'
import { storyboard } from '../story/page/storyboard.ts'
import type { StoryPages } from './queue/attempt.ts'

/** @param pngs the frames, in order. */
export async function pagesOf(story: StoryRequest, pngs: readonly Uint8Array[]): Promise<StoryPages> {
  const pictures = await Promise.all(pngs.map((png) => readImage(png)))
  const page = await storyboardOf(story, pictures)
  return { storyboard: page, storyboardWebp: await webpOf(page), bookPdf: await bookPdfOf(story, pictures) }
}

/** A PNG. */
export async function storyboardOf(story: StoryRequest, pictures: readonly Picture[]) {
  const frames = pictures.map((picture, i) => {
    const { prompt = '', text = prompt } = story.frames[i] ?? {}
    return { ...picture, caption: text }
  })
  return withinBytes(await storyboard(frames, { title: story.title ?? '', cast: story.characters }))
}

async function webpOf(png: Uint8Array) {
  return new Uint8Array(await sharp(png).webp({ quality: 88, smartSubsample: true }).toBuffer())
}

/** A PDF, of lower quality where it would be too large otherwise. */
export async function bookPdfOf(story: StoryRequest, pictures: readonly Picture[], maxBytes = MAX_BOOK_BYTES) {
  const book = bookOf(story)
  for (let quality = 90; ; quality -= 15) {
    const pdf = await pictureBook(book, pictures, quality)
    if (pdf.length <= maxBytes || quality <= 30) return new Uint8Array(pdf)
  }
}

/** A page smaller where the edge would refuse its bytes. */
export async function withinBytes(page: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  while (page.length > MAX_IMAGE_BYTES) {
    const { width } = await sharp(page).metadata()
    page = await sharp(page)
      .resize({ width: Math.floor(width * 0.75) })
      .png()
      .toBuffer()
  }
  return new Uint8Array(page)
}
