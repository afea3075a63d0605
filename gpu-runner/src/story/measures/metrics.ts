/** The measures of an evaluation, over plain data: nothing here knows of models. */
import { boundsOf, type Mask } from './pictures.ts'

/**
 * ViStoryBench's copy-paste score: softmax([cos to the reference, cos to its mirror image] / 0.01)[0]. 0.5 says that
 * neither is nearer; towards 1 a picture repeats its reference, pose and all.
 */
export function copyPaste(toReference: number, toMirrored: number): number {
  return 1 / (1 + Math.exp((toMirrored - toReference) / 0.01))
}

/** 2·|A∩B| / (|A|+|B|) of what is at least a half; 1 where both are empty. */
export function dice(a: Mask, b: Mask): number {
  if (a.side !== b.side) throw new RangeError(`dice: grids of ${a.side} and ${b.side}`)
  let [both, all] = [0, 0]
  for (const [i, value] of a.data.entries()) {
    const [own, other] = [value >= 0.5, b.data[i]! >= 0.5]
    both += Number(own && other)
    all += Number(own) + Number(other)
  }
  return all === 0 ? 1 : (2 * both) / all
}

/**
 * Mean absolute difference, 0 … 1, of two pictures where neither shows a character: planes [3,side,side] in −1 … 1 and
 * masks on the same grid. Null where no background is common to both.
 */
export function backgroundDistance(
  a: { planes: Float32Array; mask: Mask },
  b: { planes: Float32Array; mask: Mask },
): number | null {
  const cells = a.mask.side ** 2
  let [sum, count] = [0, 0]
  for (let i = 0; i < cells; i++) {
    if (a.mask.data[i]! >= 0.5 || b.mask.data[i]! >= 0.5) continue
    for (let c = 0; c < 3; c++) sum += Math.abs(a.planes[c * cells + i]! - b.planes[c * cells + i]!) / 2
    count += 3
  }
  return count === 0 ? null : sum / count
}

/** Side of the grid that silhouettes are compared on. */
const poseSide = 32

/**
 * 1 − |A∩B| / |A∪B| of two silhouettes that are first aligned: each is moved and scaled, its shape kept, so that the square
 * around it fills the grid, standing in the middle of the lower edge. Null where one of them is empty.
 */
export function poseDistance(a: Mask, b: Mask): number | null {
  const [first, second] = [aligned(a), aligned(b)]
  if (!first || !second) return null
  let [both, either] = [0, 0]
  for (const [i, value] of first.entries()) {
    both += Number(value && second[i] === 1)
    either += Number(value || second[i] === 1)
  }
  return 1 - both / either
}

export function aligned(mask: Mask): Uint8Array | null {
  const bounds = boundsOf(mask)
  if (!bounds) return null
  const { left, top, right, bottom } = bounds
  const { data, side } = mask
  const length = Math.max(right - left, bottom - top)
  const [x0, y0] = [(left + right - length) / 2, bottom - length]
  return Uint8Array.from({ length: poseSide ** 2 }, (_, i) => {
    const x = Math.floor(x0 + (((i % poseSide) + 0.5) / poseSide) * length)
    const y = Math.floor(y0 + ((Math.floor(i / poseSide) + 0.5) / poseSide) * length)
    return Number(x >= 0 && y >= 0 && x < side && y < side && data[y * side + x]! >= 0.5)
  })
}

/** Mean of `distance` over all pairs that have one; null where none has. */
export function meanOverPairs<T>(items: readonly T[], distance: (a: T, b: T) => number | null): number | null {
  const values = items.flatMap((a, i) => items.slice(i + 1).flatMap((b) => distance(a, b) ?? []))
  return mean(values)
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length
}

/**
 * Which of the things seen is which of those expected: the pairing with the largest sum of `score(expected, seen)`. Returns
 * for each expected one the place of its partner, or null where there are too few. For up to four, all are tried.
 */
export function bestPairing(
  expected: number,
  seen: number,
  score: (e: number, s: number) => number,
): (number | null)[] {
  let [best, chosen]: [number, (number | null)[]] = [Number.NEGATIVE_INFINITY, []]
  const tryAll = (pairing: (number | null)[], sum: number) => {
    const e = pairing.length
    if (e === expected) {
      if (sum > best) [best, chosen] = [sum, pairing]
      return
    }
    for (let s = 0; s < seen; s++) if (!pairing.includes(s)) tryAll([...pairing, s], sum + score(e, s))
    const spare = expected - seen - pairing.filter((s) => s === null).length
    if (spare > 0) tryAll([...pairing, null], sum)
  }
  tryAll([], 0)
  return chosen
}
