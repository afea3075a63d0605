/** How alike two cut-outs are: tokens of an image encoder without what all have in common, and what that is worth. */

/** `tokens` without the usual ones, at length 1; zeros where nothing is left. */
export function centred(tokens: Float32Array, usual: Float32Array): Float32Array {
  if (tokens.length !== usual.length) throw new RangeError(`centred: ${tokens.length} values and ${usual.length} usual`)
  const own = tokens.map((value, i) => value - usual[i]!)
  const length = Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0))
  return length === 0 ? own : own.map((value) => value / length)
}

export interface Logistic {
  readonly slope: number
  readonly offset: number
}

/** The probability, 0 … 1, that a similarity is one of the same. */
export function sameness(similarity: number, { slope, offset }: Logistic): number {
  return 1 / (1 + Math.exp(-(slope * similarity + offset)))
}

/**
 * The logistic curve that best separates similarities of the same from those of different ones, both kinds weighing as much
 * in all: maximum likelihood by Newton's method. Throws where one kind is missing, or where the two do not overlap and
 * no curve is steep enough.
 */
export function fitLogistic(same: readonly number[], different: readonly number[]): Logistic {
  if (same.length === 0 || different.length === 0)
    throw new RangeError(`fitLogistic: ${same.length} pairs of the same and ${different.length} of different ones`)
  let [slope, offset] = [0, 0]
  for (let round = 0; round < 100; round++) {
    // Gradient and Hessian of the log-likelihood.
    let [ga, gb, haa, hab, hbb] = [0, 0, 0, 0, 0]
    for (const [values, label] of [
      [same, 1],
      [different, 0],
    ] as const)
      for (const x of values) {
        const p = sameness(x, { slope, offset })
        const [error, weight] = [(label - p) / values.length, (p * (1 - p)) / values.length]
        ga += error * x
        gb += error
        haa += weight * x * x
        hab += weight * x
        hbb += weight
      }
    const determinant = haa * hbb - hab ** 2
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant]
    if (!Number.isFinite(da) || !Number.isFinite(db) || Math.abs(slope) > 1e4) break
    slope += da
    offset += db
    if (Math.abs(da) + Math.abs(db) < 1e-9) return { slope, offset }
  }
  throw new RangeError('fitLogistic: the similarities of the same and of different ones do not overlap')
}
