/** What stands out from a plain background, as in cut-outs on white that apps send. */
import type { Picture } from '../../engine/io/png.ts'

/** A border counts as plain when this share of it is within `near` of its median colour. */
const plainShare = 0.9
const near = 24
/** Between these distances from the background a pixel is partly the character. */
const edge = { from: 12, to: 36 }

/** How much of each pixel stands out, 0 … 255; null where the border is not of one colour or nothing stands out. */
export function plainBackground({ rgb, width, height }: Picture): Uint8Array | null {
  const border: number[] = []
  for (let x = 0; x < width; x++) border.push(x, (height - 1) * width + x)
  for (let y = 1; y < height - 1; y++) border.push(y * width, (y + 1) * width - 1)
  const background = [0, 1, 2].map((c) => {
    const values = border.map((p) => rgb[p * 3 + c]!).sort((a, b) => a - b)
    return values[values.length >> 1]!
  })
  const distance = (p: number) => Math.max(...background.map((value, c) => Math.abs(rgb[p * 3 + c]! - value)))
  if (border.filter((p) => distance(p) <= near).length < plainShare * border.length) return null
  const outside = reachable(width, height, border, (p) => distance(p) < (edge.from + edge.to) / 2)
  const mask = new Uint8Array(width * height)
  for (let p = 0; p < mask.length; p++) {
    const share = (distance(p) - edge.from) / (edge.to - edge.from)
    // A pixel of the background's colour that the border does not reach is inside the character, like a white shirt.
    mask[p] = outside[p] ? 255 * Math.max(0, Math.min(0.49, share)) : 255
  }
  return mask.some((value) => value > 127) ? mask : null
}

/** Pixels that can be reached from `seeds` over pixels that are `open`. */
function reachable(width: number, height: number, seeds: readonly number[], open: (p: number) => boolean): Uint8Array {
  const reached = new Uint8Array(width * height)
  const queue = seeds.filter(open)
  for (const p of queue) reached[p] = 1
  while (queue.length > 0) {
    const p = queue.pop()!
    const [x, y] = [p % width, Math.floor(p / width)]
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      const [u, v] = [x + dx, y + dy]
      if (u < 0 || v < 0 || u >= width || v >= height) continue
      const next = v * width + u
      if (reached[next] || !open(next)) continue
      reached[next] = 1
      queue.push(next)
    }
  }
  return reached
}
