/** `--book pdf,epub` of `npm run generate`. */
import { createHash } from 'node:crypto'
import { bookOf } from '../../../books/book.ts'
import { epub } from '../../../books/epub.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Picture } from '../engine/io/png.ts'
import { bookPdfOf } from '../service/pages.ts'

export const bookFormats = ['pdf', 'epub'] as const
export type BookFormat = (typeof bookFormats)[number]

/** `pdf`, `epub` or both with a comma between them; throws with what is wrong. */
export function parseBookFormats(list: string | undefined): BookFormat[] {
  if (list === undefined) return []
  return list.split(',').map((word) => {
    const format = bookFormats.find((one) => one === word.trim().toLowerCase())
    if (!format)
      throw new Error(`--book is '${list}'; ${bookFormats.join(', ')} or both with a comma between are wanted`)
    return format
  })
}

/** @param pngs the frames, in order; `pictures` are the same, decoded. */
export async function makeBook(
  format: BookFormat,
  story: StoryRequest,
  pngs: readonly Uint8Array[],
  pictures: readonly Picture[],
): Promise<Uint8Array> {
  if (format === 'pdf') return bookPdfOf(story, pictures)
  // The same pictures, the same book.
  const id = createHash('sha256').update(Buffer.concat(pngs)).digest('hex').slice(0, 26)
  const read = pictures.map(({ width, height }, i) => ({ width, height, read: async () => pngs[i]! }))
  return Buffer.concat(await Array.fromAsync(epub(bookOf(story), { id, modified: new Date(), pictures: read })))
}
