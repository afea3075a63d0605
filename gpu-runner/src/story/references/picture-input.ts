/** Pictures that a story names, as they come: read, and brought to a size. */
import { type Picture, PictureError, readImage, resized } from '../../engine/io/png.ts'
import { StoryRejected } from '../types.ts'

/** `pictures` has the bytes of those named by URL or hash; `pointer` says where the story names it. Throws `StoryRejected` for what is no picture. */
export async function readPicture(
  source: string,
  pictures: Readonly<Record<string, Uint8Array>> | undefined,
  pointer: string,
): Promise<Picture> {
  const bytes = source.startsWith('data:')
    ? Buffer.from(source.slice(source.indexOf(',') + 1), 'base64')
    : pictures?.[source]
  if (!bytes) throw new StoryRejected(`${pointer}: ${source} was not fetched`)
  try {
    return await readImage(bytes, 25e6)
  } catch (error) {
    if (error instanceof PictureError) throw new StoryRejected(`${pointer}: ${error.message}`, { cause: error })
    throw error
  }
}

/** As large as fits, in the middle of white. */
export async function fitted(picture: Picture, width: number, height: number): Promise<Picture> {
  const factor = Math.min(width / picture.width, height / picture.height)
  const [w, h] = [picture.width, picture.height].map((length) => Math.max(1, Math.round(length * factor)))
  const small = await resized(picture, w!, h!)
  if (w === width && h === height) return small
  const rgb = new Uint8Array(width * height * 3).fill(255)
  const [left, top] = [(width - w!) >> 1, (height - h!) >> 1]
  for (let y = 0; y < h!; y++) rgb.set(small.rgb.subarray(y * w! * 3, (y + 1) * w! * 3), ((top + y) * width + left) * 3)
  return { rgb, width, height }
}
