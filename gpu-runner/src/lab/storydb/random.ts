/** Seeded draws: a stream is a pure function of its keys, so any frame can be drawn again without the ones before it. */

export type Random = {
  /** Uniform in [0, 1). */
  next: () => number
  /** Uniform in [low, high). */
  between: (low: number, high: number) => number
  pick: <T>(values: readonly T[]) => T
  chance: (probability: number) => boolean
}

/** The stream named by `keys` (32-bit integers); its n-th draw hashes the keys with n. */
export function random(...keys: number[]): Random {
  let key = 0x9e3779b9
  for (const part of keys) key = mix(key ^ mix((part | 0) + 0x7f4a7c15))
  let count = 0
  const next = () => mix(key + Math.imul(++count, 0x9e3779b1)) / 2 ** 32
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    pick: (values) => {
      if (!values.length) throw new RangeError('random: nothing to pick from')
      return values[Math.floor(next() * values.length)]!
    },
    chance: (probability) => next() < probability,
  }
}

/** The same values in an order drawn with `r`. */
export function shuffled<T>(r: Random, values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: r.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

/** A 32-bit hash of text (FNV-1a, then mixed). */
export function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h)
}

/** A bijection of 32-bit integers whose output bits all depend on all input bits ("lowbias32" by Ellis). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}
