import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSchedule, initialState } from './index.ts'

const flow = (change: object, steps: number, mu?: number) =>
  createSchedule(
    { _class_name: 'FlowMatchEulerDiscreteScheduler', ...change },
    { steps, ...(mu !== undefined && { mu }) },
  )

function assertClose(got: Iterable<number>, want: readonly number[], tolerance: number): void {
  for (const [i, value] of [...got].entries()) {
    assert.ok(Math.abs(value - want[i]!) <= tolerance, `[${i}]: ${value}, not ${want[i]}`)
  }
}

test('timesteps are even without a shift, and crowd at high noise with one', () => {
  assertClose(flow({}, 4).timesteps, [1000, 667, 334, 1], 1e-3)
  // Levels 1, 0.6676647, 0.3353293 and 0.002994 = 3 · 0.001 / 1.002, each shifted by 3 s / (1 + 2 s).
  assertClose(flow({ shift: 3 }, 4).timesteps, [1000, 857.69231, 602.15054, 8.928571], 1e-2)
  assert.deepEqual([...flow({ shift: 3 }, 1).timesteps], [1000])
})

test('a constant velocity is followed from noise to the clean latent in any number of steps', () => {
  const [clean, noise] = [Float32Array.of(0.5, -2, 3), Float32Array.of(1, 0.25, -1)]
  const velocity = noise.map((value, k) => value - clean[k]!)
  for (const n of [1, 3, 20]) {
    const schedule = flow({ shift: 2 }, n)
    let x = schedule.addNoise(clean, noise, 0)
    assert.deepEqual(x, noise)
    for (let i = 0; i < n; i++) {
      const step = schedule.step(schedule.scaleInput(x, i), velocity, i, initialState)
      assertClose(step.denoised, [...clean], 1e-5)
      x = step.x
    }
    assertClose(x, [...clean], 1e-5)
  }
})

test('a dynamic shift takes its logarithm from the caller', () => {
  const dynamic = { use_dynamic_shifting: true }
  assertClose(flow(dynamic, 2, Math.log(3)).timesteps, [1000, (3 * 0.001 * 1000) / 1.002], 1e-3)
  assert.throws(() => flow(dynamic, 2), /use_dynamic_shifting needs mu/)
})

test('a terminal level is reached exactly', () => {
  assertClose(flow({ shift: 2, shift_terminal: 0.1 }, 5).timesteps.slice(4), [100], 1e-3)
})
