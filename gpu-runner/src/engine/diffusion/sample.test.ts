import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guide, sample } from './sample.ts'
import { FlowMatchEulerConfig, flowMatchEuler } from './schedulers/flow-match-euler.ts'

const schedule = (steps: number) => flowMatchEuler(FlowMatchEulerConfig.parse({ shift: 2 }), steps)

test('with the true velocity of a straight path, any number of steps arrives at the data', async () => {
  const clean = Float32Array.of(0.5, -1, 2)
  const noise = Float32Array.of(1, 0.3, -0.7)
  for (const steps of [1, 4]) {
    const seen: number[] = []
    let x = new Float32Array()
    const denoise = async (_: Float32Array, timestep: number) => {
      seen.push(timestep)
      return noise.map((value, i) => value - clean[i]!)
    }
    for await (const step of sample({ schedule: schedule(steps), denoise, noise })) x = Float32Array.from(step.x)
    assert.equal(seen.length, steps)
    assert.equal(seen[0], 1000)
    for (const [i, value] of clean.entries()) assert.ok(Math.abs(x[i]! - value) < 1e-5)
  }
})

test('whoever stops reading stops the model', async () => {
  let calls = 0
  const denoise = async (x: Float32Array) => {
    calls++
    return x
  }
  for await (const { step } of sample({ schedule: schedule(10), denoise, noise: Float32Array.of(1) }))
    if (step === 3) break
  assert.equal(calls, 3)
})

test('a failing model fails the sampling', async () => {
  const denoise = async () => {
    throw new Error('device lost')
  }
  await assert.rejects(sample({ schedule: schedule(2), denoise, noise: Float32Array.of(1) }).next(), /device lost/)
})

test('guidance 1 is the conditional output, 0 the unconditional one', () => {
  const both = Float32Array.of(1, 2, 5, 8)
  assert.deepEqual([...guide(both, 1)], [5, 8])
  assert.deepEqual([...guide(both, 0)], [1, 2])
  assert.deepEqual([...guide(both, 3)], [13, 20])
})
