/** Pictures as the judges' networks take them. */

/** Rows of pixels of a square picture, three bytes each. */
export interface SquarePicture {
  readonly rgb: Uint8Array
  readonly size: number
}

/** One value a cell of a square grid, 0 … 1. */
export interface Mask {
  readonly data: Float32Array
  readonly side: number
}

/** Planes [3,side,side] in −1 … 1, each the mean of the pixels it covers; `side` divides the picture's. */
export function wholePlanes({ rgb, size }: SquarePicture, side: number): Float32Array {
  const block = wholeNumber(size / side, size, side)
  const planes = new Float32Array(3 * side * side)
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let total = 0
        for (let dy = 0; dy < block; dy++)
          for (let dx = 0; dx < block; dx++) total += rgb[((y * block + dy) * size + x * block + dx) * 3 + c]!
        planes[(c * side + y) * side + x] = total / block ** 2 / 127.5 - 1
      }
  return planes
}

/** A byte mask of `size` pixels a side, averaged to a coarser grid. */
export function areaMask(mask: Uint8Array, size: number, side: number): Mask {
  const block = wholeNumber(size / side, size, side)
  const data = new Float32Array(side * side)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      data[Math.floor(y / block) * side + Math.floor(x / block)]! += mask[y * size + x]! / 255 / block ** 2
  return { data, side }
}

function wholeNumber(block: number, size: number, side: number): number {
  if (!Number.isInteger(block)) throw new RangeError(`judges: ${size} pixels do not divide into ${side}`)
  return block
}

/** A square of the picture in fractions of its side. */
export interface Square {
  readonly left: number
  readonly top: number
  readonly side: number
}

/** Around where the mask is at least a half, in pixels, right and bottom excluded; null where that is nowhere. */
export function boundsOf({ data, side }: Mask) {
  let [left, top, right, bottom] = [side, side, 0, 0]
  for (const [i, value] of data.entries()) {
    if (value < 0.5) continue
    const [x, y] = [i % side, Math.floor(i / side)]
    ;[left, top] = [Math.min(left, x), Math.min(top, y)]
    ;[right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)]
  }
  if (right === 0) return null
  return { left, top, right, bottom }
}

/** The square around where the mask is at least a half, with room for what it missed; null where that is nowhere. */
export function squareAround(mask: Mask, room = 1.15): Square | null {
  const bounds = boundsOf(mask)
  if (!bounds) return null
  const { left, top, right, bottom } = bounds
  const { side } = mask
  const length = (room * Math.max(right - left, bottom - top)) / side
  return { left: (left + right) / 2 / side - length / 2, top: (top + bottom) / 2 / side - length / 2, side: length }
}

/** Planes [4,side,side] of a square of the picture, edges extended beyond it, and of the mask there. */
export function portraitPlanes(picture: SquarePicture, mask: Mask, square: Square, side: number): Float32Array {
  const planes = new Float32Array(4 * side * side)
  const { rgb, size } = picture
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [px, py] = [square.left + ((x + 0.5) / side) * square.side, square.top + ((y + 0.5) / side) * square.side]
      for (let c = 0; c < 3; c++) planes[(c * side + y) * side + x] = bilinear(rgb, size, 3, c, px, py) / 127.5 - 1
      if (px >= 0 && py >= 0 && px < 1 && py < 1)
        planes[(3 * side + y) * side + x] = bilinear(mask.data, mask.side, 1, 0, px, py)
    }
  return planes
}

/** The same planes, left and right swapped. */
export function mirrored(planes: Float32Array, side: number): Float32Array {
  return planes.map((_, i) => planes[i - (i % side) + side - 1 - (i % side)]!)
}

/** One channel at a place in fractions of the side, edges extended; most of the work on portraits, so without an array. */
function bilinear(
  data: Uint8Array | Float32Array,
  size: number,
  channels: number,
  c: number,
  x: number,
  y: number,
): number {
  const cx = Math.max(0, Math.min(size - 1, x * size - 0.5))
  const cy = Math.max(0, Math.min(size - 1, y * size - 0.5))
  const x0 = Math.floor(cx)
  const y0 = Math.floor(cy)
  const right = x0 < size - 1 ? channels : 0
  const below = y0 < size - 1 ? size * channels : 0
  const at = (y0 * size + x0) * channels + c
  const upper = data[at]! + (cx - x0) * (data[at + right]! - data[at]!)
  const lower = data[at + below]! + (cx - x0) * (data[at + below + right]! - data[at + below]!)
  return upper + (cy - y0) * (lower - upper)
}
