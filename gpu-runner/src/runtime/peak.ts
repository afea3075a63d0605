/** The arithmetic this machine is capable of, measured. */
import { matmul } from '../graph/matmul.ts'
import { input } from '../graph/value.ts'
import { openSession } from './session.ts'

/** Median GFLOP/s of a product of two 1024×1024 matrices over `runs` runs. */
export async function matmulPeak(runs = 15): Promise<number> {
  const n = 1024
  const session = await openSession({ y: matmul(input('a', [n, n]), input('b', [n, n])) })
  const matrix = { data: new Float32Array(n * n).fill(0.5), shape: [n, n] }
  const seconds: number[] = []
  for (let i = 0; i < runs + 3; i++) {
    const from = performance.now()
    await session.run({ a: matrix, b: matrix })
    if (i >= 3) seconds.push((performance.now() - from) / 1e3)
  }
  await session.close()
  seconds.sort((a, b) => a - b)
  return (2 * n ** 3) / seconds[runs >> 1]! / 1e9
}
