/** The arithmetic this machine is capable of, measured. */
import { matmul } from '../graph/matmul.ts'
import { input } from '../graph/value.ts'
import { openSession } from './session.ts'

/** Median GFLOP/s over `runs` runs of the faster of a square product and a tall one, which repays packing its operand. */
export async function matmulPeak(runs = 5): Promise<number> {
  return Math.max(await productSpeed(1024, 1024, 1024, runs), await productSpeed(4096, 1280, 1280, runs))
}

async function productSpeed(m: number, k: number, n: number, runs: number): Promise<number> {
  const session = await openSession({ y: matmul(input('a', [m, k]), input('b', [k, n])) })
  const a = { data: new Float32Array(m * k).fill(0.5), shape: [m, k] }
  const b = { data: new Float32Array(k * n).fill(0.5), shape: [k, n] }
  const seconds: number[] = []
  for (let i = 0; i <= runs; i++) {
    const from = performance.now()
    await session.run({ a, b })
    if (i > 0) seconds.push((performance.now() - from) / 1e3)
  }
  await session.close()
  seconds.sort((x, y) => x - y)
  return (2 * m * k * n) / seconds[runs >> 1]! / 1e9
}
