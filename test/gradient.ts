/** Gradient checks against finite differences, and plain tensors for tests. */
import assert from 'node:assert/strict'
import { mul } from '../gpu-runner/src/engine/graph/arithmetic.ts'
import { gradients } from '../gpu-runner/src/engine/graph/backward.ts'
import { sum } from '../gpu-runner/src/engine/graph/reduce.ts'
import { input, type Value } from '../gpu-runner/src/engine/graph/value.ts'
import { openSession } from '../gpu-runner/src/engine/runtime/session.ts'
import type { HostTensor } from '../gpu-runner/src/engine/runtime/tensor.ts'

/** A small deterministic generator (mulberry32) of numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A tensor of normal numbers. */
export function randn(shape: readonly number[], seed = 1): HostTensor & { data: Float32Array } {
  const next = uniform(seed)
  const size = shape.reduce((a, b) => a * b, 1)
  const data = Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  )
  return { data, shape }
}

/** Run a graph once. */
export async function evaluate(
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor & { data: Float32Array }>> {
  const session = await openSession(outputs)
  try {
    return (await session.run(feeds)) as Record<string, HostTensor & { data: Float32Array }>
  } finally {
    await session.close()
  }
}

export function assertClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what = 'value'): void {
  assert.equal(got.length, want.length, `${what}: length`)
  for (let i = 0; i < want.length; i++) {
    const limit = tolerance * Math.max(1, Math.abs(want[i]!))
    assert.ok(Math.abs(got[i]! - want[i]!) <= limit, `${what}[${i}]: got ${got[i]}, want ${want[i]}`)
  }
}

/**
 * Compare the gradients of f's inputs with central differences of a random projection of its output, along one
 * random direction an input: an error in any element shows in the directional derivative.
 */
export async function checkGradient(
  f: (...inputs: Value[]) => Value,
  shapes: readonly (readonly number[])[],
  { tolerance = 5e-3, step = 1e-2, map = (x: number) => x } = {},
): Promise<void> {
  const tensors = shapes.map((shape, i) => {
    const tensor = randn(shape, i + 1)
    return { shape, data: tensor.data.map(map) }
  })
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape))
  const y = f(...inputs)
  const projection = randn(y.shape as number[], 99)
  const loss = sum(mul(y, input('projection', y.shape)))
  const grads = gradients(loss, inputs)
  const outputs: Record<string, Value> = { loss }
  for (const [i, grad] of grads.entries()) {
    assert.ok(grad, `input ${i} has no gradient`)
    outputs[`g${i}`] = grad
  }
  const session = await openSession(outputs)
  const feeds = (values: HostTensor[]) => ({
    projection,
    ...Object.fromEntries(values.map((value, i) => [`x${i}`, value])),
  })
  const at = await session.run(feeds(tensors))
  for (const [i, tensor] of tensors.entries()) {
    assert.deepEqual(at[`g${i}`]!.shape, tensor.shape, `shape of gradient ${i}`)
    const direction = randn(tensor.shape, 1000 + i).data
    const moved = async (by: number) => {
      const data = tensor.data.map((x, j) => x + by * direction[j]!)
      const run = await session.run(feeds(tensors.map((other, j) => (j === i ? { shape: other.shape, data } : other))))
      return Number(run.loss!.data[0])
    }
    const difference = ((await moved(step)) - (await moved(-step))) / (2 * step)
    const analytic = direction.reduce((acc, d, j) => acc + d * Number(at[`g${i}`]!.data[j]), 0)
    const limit = tolerance * Math.max(1, Math.abs(difference))
    assert.ok(Math.abs(analytic - difference) <= limit, `input ${i}: analytic ${analytic}, finite ${difference}`)
  }
  await session.close()
}
