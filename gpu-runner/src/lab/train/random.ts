/** Random numbers of a training step: a function of seed and step alone, so that a resumed run repeats nothing. */

export interface Random {
  /** In [0, 1). */
  uniform(): number
  normal(): number
  /** An integer from 0 to before `n`. */
  below(n: number): number
  normals(count: number): Float32Array
}

/** Generator (sfc32) for one `step` of the run with `seed`. */
export function randomAt(seed: number, step: number): Random {
  let [a, b, c, counter] = [seed | 0, step | 0, 0x9e3779b9 | 0, 1]
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 12; i++) next()
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return {
    uniform: next,
    normal,
    below: (n) => Math.floor(next() * n),
    normals: (count) => Float32Array.from({ length: count }, normal),
  }
}
