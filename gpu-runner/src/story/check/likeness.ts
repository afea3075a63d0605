/** Characters cut out of pictures along masks on the latents' grid, and their embeddings by the model's image encoder. */
import type { Picture } from '../../engine/io/png.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { IdentityEncoder } from '../../engine/pipeline/identity.ts'
import type { Mask } from '../measures/pictures.ts'
import { cutOut, drawReference, plainReference, type Reference } from '../references/cut-out.ts'

/** Pictures that the encoder gets at once. */
const batch = 8

/** On the square grid around the picture's, the picture in its left upper corner. */
export function squareMask(mask: Uint8Array, { width, height }: Grid): Mask {
  const side = Math.max(width, height)
  const data = new Float32Array(side * side)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * side + x] = Number(mask[y * width + x]! > 0)
  return { data, side }
}

/** The picture in the left upper corner of a square one; the rest is black. */
export function squarePicture({ rgb, width, height }: Picture): { rgb: Uint8Array; size: number } {
  const size = Math.max(width, height)
  if (width === height) return { rgb, size }
  const square = new Uint8Array(3 * size * size)
  for (let y = 0; y < height; y++) square.set(rgb.subarray(3 * y * width, 3 * (y + 1) * width), 3 * y * size)
  return { rgb: square, size }
}

/** What the mask, on a coarser grid, covers of the picture; null where that is hardly anything. */
export function cutAlong(picture: Picture, mask: Mask, side: number): Reference | null {
  const { rgb, size } = squarePicture(picture)
  const alpha = new Uint8Array(size * size)
  for (let y = 0; y < size; y++) {
    const row = Math.floor((y * mask.side) / size) * mask.side
    for (let x = 0; x < size; x++)
      alpha[y * size + x] = mask.data[row + Math.floor((x * mask.side) / size)]! >= 0.5 ? 255 : 0
  }
  return cutOut({ rgb, size, mask: alpha, parts: [] }, side)
}

/** Tokens [T·X] of each cut-out on white; with `mirrored`, of its mirror image. */
export async function tokensOf(
  { side, encode }: Pick<IdentityEncoder, 'side' | 'encode'>,
  references: readonly Reference[],
  { mirrored = false } = {},
): Promise<Float32Array[]> {
  const white = () => [255, 255, 255] as const
  const planes = references.map((reference) =>
    mirrored
      ? drawReference(reference, 'whole', side, { flip: true, scale: 1, gains: [1, 1, 1], behind: white })
      : plainReference(reference, 'whole', side),
  )
  const all: Float32Array[] = []
  for (let from = 0; from < planes.length; from += batch) all.push(...(await encode(planes.slice(from, from + batch))))
  return all
}
