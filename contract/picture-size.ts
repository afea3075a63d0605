/** Sizes as other APIs spell them. */
import { LIMITS } from './story.ts'

/** `1024x768`; undefined for anything else. */
export function parseSize(text: string): { width: number; height: number } | undefined {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? []
  return width && height ? { width: Number(width), height: Number(height) } : undefined
}

/** The part of a model's abilities that a ratio needs. */
export interface ModelSize {
  size: { width: number; height: number }
  largest_side: number
  side_multiple: number
}

/**
 * The size of the ratio `16:9` that has about as many pixels as the model's own, in sides that it can draw; undefined for
 * anything else than two numbers that differ by a factor of at most 8.
 */
export function sizeOfRatio(text: string, { size, largest_side, side_multiple }: ModelSize) {
  const [, wide, high] = /^([1-9]\d{0,3}):([1-9]\d{0,3})$/.exec(text) ?? []
  const ratio = Number(wide) / Number(high)
  if (!(ratio >= 1 / 8 && ratio <= 8)) return undefined
  const multiple = leastCommonMultiple(side_multiple, LIMITS.side.multiple)
  const most = Math.min(largest_side, LIMITS.side.max)
  const area = Math.min(size.width * size.height, LIMITS.pixels, Math.min(ratio, 1 / ratio) * most * most)
  const side = (length: number) => Math.max(Math.floor(length / multiple) * multiple, multiple, LIMITS.side.min)
  return { width: side(Math.sqrt(area * ratio)), height: side(Math.sqrt(area / ratio)) }
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y))
  return (a / divisor(a, b)) * b
}
