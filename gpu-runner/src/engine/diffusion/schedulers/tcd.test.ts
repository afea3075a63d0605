import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSchedule, initialState, ScheduleError } from './index.ts'

const config = { _class_name: 'TCDScheduler', beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }

/** alpha² of each timestep: betas are squares of evenly spaced roots. */
function alphas(): number[] {
  let product = 1
  return Array.from({ length: 1000 }, (_, t) => {
    const root = Math.sqrt(0.00085) + (t / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))
    product *= 1 - root ** 2
    return product
  })
}

test('TCD steps as the paper’s algorithm and diffusers’ TCDScheduler say, at eta 0, 0.3 and 1', () => {
  const a = alphas()
  const timesteps = [999, 759, 499, 259]
  for (const eta of [0, 0.3, 1]) {
    const schedule = createSchedule(config, { steps: 4, eta })
    assert.deepEqual([...schedule.timesteps], timesteps)
    assert.equal(schedule.drawsNoise, eta > 0)
    let x = Float32Array.of(1.5, -0.5)
    let wanted = [...x]
    for (const [i, t] of timesteps.entries()) {
      const output = Float32Array.of(0.3 * (i + 1), -0.2)
      const noise = Float32Array.of(-0.7, 0.1 * i)
      const s = Math.floor((1 - eta) * (timesteps[i + 1] ?? 0))
      const after = wanted.map((value, k) => {
        const clean = (value - Math.sqrt(1 - a[t]!) * output[k]!) / Math.sqrt(a[t]!)
        const below = Math.sqrt(a[s]!) * clean + Math.sqrt(1 - a[s]!) * output[k]!
        if (eta === 0 || i === 3) return below
        const share = a[timesteps[i + 1]!]! / a[s]!
        return Math.sqrt(share) * below + Math.sqrt(1 - share) * noise[k]!
      })
      x = Float32Array.from(schedule.step(x, output, i, initialState, noise).x)
      wanted = after
      for (const [k, value] of x.entries())
        assert.ok(Math.abs(value - wanted[k]!) < 2e-4 * Math.max(1, Math.abs(value)))
    }
  }
})

test('more steps than it was distilled from, an eta beyond 1, and a step without its noise are refused', () => {
  assert.throws(() => createSchedule(config, { steps: 51 }), /51 steps .*distilled from 50/)
  assert.throws(() => createSchedule({ ...config, eta: 2 }, { steps: 4 }), ScheduleError)
  const schedule = createSchedule(config, { steps: 4 })
  const one = Float32Array.of(1)
  assert.throws(() => schedule.step(one, one, 0, initialState), /step 0 draws noise, and none was given/)
})
