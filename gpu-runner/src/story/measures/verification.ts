/** How well a similarity separates pairs of the same identity from pairs of different ones. */

/** Share of (same, different) pairs where the same is more similar, ties counted half: the area under the ROC curve. */
export function areaUnderCurve(same: readonly number[], different: readonly number[]): number {
  const sorted = different.toSorted((a, b) => a - b)
  // Pairs below the value, and those below or equal to it.
  const wins = same.map((value) => (lowerBound(sorted, value) + upperBound(sorted, value)) / 2)
  return wins.reduce((a, b) => a + b, 0) / (same.length * different.length)
}

/** The error at the threshold where as many same pairs are refused as different ones are let pass. */
export function equalErrorRate(same: readonly number[], different: readonly number[]): number {
  const [own, other] = [same, different].map((values) => values.toSorted((a, b) => a - b)) as [number[], number[]]
  let [best, rate] = [Number.POSITIVE_INFINITY, 1]
  for (const threshold of [...own, ...other]) {
    const refused = lowerBound(own, threshold) / own.length
    const passed = 1 - lowerBound(other, threshold) / other.length
    if (Math.abs(refused - passed) < best) [best, rate] = [Math.abs(refused - passed), (refused + passed) / 2]
  }
  return rate
}

/** Of two vectors of length 1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** How many of `sorted` are below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** How many of `sorted` are at most `value`. */
function upperBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}
