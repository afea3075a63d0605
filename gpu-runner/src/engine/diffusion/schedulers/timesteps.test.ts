/** Timesteps and levels at every count of steps: against the rule as numpy has it, and against what diffusers made. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSchedule, type Schedule } from './index.ts'
import { hasOneTooMany, type Spacing } from './noise-levels.ts'

interface Recorded {
  readonly class: string
  readonly config: Readonly<Record<string, unknown>>
  /** Counts of steps from 1. */
  readonly most: number
  readonly timesteps?: string
  readonly levels?: Readonly<Record<string, number>>
}
const golden = join(import.meta.dirname, '../../../../../test/golden/timesteps.json')
const { cases }: { cases: readonly Recorded[] } = JSON.parse(readFileSync(golden, 'utf8'))

for (const { class: className, config, most, ...recorded } of cases) {
  test(`${className} ${shortly(config)}: timesteps and levels of diffusers at 1 to ${most} steps`, () => {
    const scheduleOf = (steps: number) => createSchedule(config, { steps, className })
    if (recorded.timesteps) {
      const hash = createHash('sha256')
      for (let steps = 1; steps <= most; steps++) hash.update(scheduleOf(steps).timesteps)
      assert.equal(hash.digest('hex').slice(0, 16), recorded.timesteps)
    }
    for (const [steps, sum] of Object.entries(recorded.levels ?? {})) {
      const levels = levelsOf(scheduleOf(Number(steps)), className)
      const got = levels.reduce((total, level, i) => total + level * (i + 1), 0)
      assert.ok(Math.abs(got - sum) <= 1e-6 * sum, `levels of ${steps} steps: ${got}, not ${sum}`)
    }
  })
}

test('each spacing is reckoned by the rules of numpy, in float64, at all counts', () => {
  const [beforeEnd, toEnd] = ['DPMSolverMultistepScheduler', 'DDIMScheduler']
  for (const timestep_spacing of ['linspace', 'leading', 'trailing'] as const) {
    for (let steps = 1; steps <= 1000; steps++) {
      for (const className of [beforeEnd!, toEnd!]) {
        const got = createSchedule({ timestep_spacing }, { steps, className }).timesteps
        assert.deepEqual([...got], byRule(timestep_spacing, steps, className === beforeEnd), `${className} ${steps}`)
      }
    }
  }
})

test("numpy's trailing has a value too many at 62 counts: timestep −1, which is left out", () => {
  const counts = Array.from({ length: 1000 }, (_, i) => i + 1).filter((n) => hasOneTooMany(1000, n))
  assert.deepEqual([counts.length, ...counts.slice(0, 5)], [62, 61, 103, 121, 122, 201])
  for (const n of counts) {
    const beyond = arange(1000, 0, -1000 / n).slice(n)
    assert.deepEqual(
      beyond.map((value) => roundHalfToEven(value) - 1),
      [-1],
    )
  }
})

test('a table of 1000 levels has no timestep 1000', () => {
  for (const className of ['DDIMScheduler', 'DDPMScheduler', 'PNDMScheduler'])
    assert.throws(
      () => createSchedule({ steps_offset: 1, skip_prk_steps: true }, { steps: 1000, className }),
      /1000 steps come to timestep 1000, and the last is 999/,
    )
})

/** The lines of diffusers, with numpy's functions as loops. */
function byRule(spacing: Spacing, steps: number, beforeEnd: boolean): number[] {
  const points = beforeEnd ? steps + 1 : steps
  switch (spacing) {
    case 'linspace':
      return linspace(0, 999, points).map(roundHalfToEven).reverse().slice(0, steps)
    case 'leading':
      return Array.from({ length: points }, (_, i) => i * Math.floor(1000 / points))
        .reverse()
        .slice(0, steps)
    case 'trailing':
      return arange(1000, 0, -1000 / steps)
        .map((value) => roundHalfToEven(value) - 1)
        .slice(0, steps)
  }
}

/** numpy.linspace: `arange(num) * step + start`, and the last value is `stop` itself. */
function linspace(start: number, stop: number, num: number): number[] {
  const values: number[] = []
  const step = (stop - start) / (num - 1)
  for (let i = 0; i < num; i++) values.push(num === 1 ? start : i * step + start)
  if (num > 1) values[num - 1] = stop
  return values
}

/** numpy.arange: the length is rounded up, and what comes after the first two values follows from their difference. */
function arange(start: number, stop: number, step: number): number[] {
  const length = Math.ceil((stop - start) / step)
  const values = [start, start + step]
  const difference = values[1]! - values[0]!
  for (let i = 2; i < length; i++) values.push(start + i * difference)
  return values.slice(0, length)
}

/** numpy.round: halves go to the even neighbour. */
function roundHalfToEven(value: number): number {
  const [below, above] = [Math.floor(value), Math.ceil(value)]
  if (value - below < above - value) return below
  if (value - below > above - value) return above
  return below % 2 === 0 ? below : above
}

/** Noise per unit of clean latent at each call and after the last; in flow matching the share of noise. */
function levelsOf(schedule: Schedule, className: string): number[] {
  const [zero, one] = [Float32Array.of(0), Float32Array.of(1)]
  return Array.from({ length: schedule.timesteps.length + 1 }, (_, i) => {
    const noise = schedule.addNoise(zero, one, i)[0]!
    return className.startsWith('Flow') ? noise : noise / schedule.addNoise(one, zero, i)[0]!
  })
}

function shortly(config: Readonly<Record<string, unknown>>): string {
  const { beta_start: _start, beta_end: _end, ...rest } = config
  return Object.entries(rest)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')
}
