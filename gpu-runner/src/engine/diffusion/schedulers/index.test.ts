import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSafetensors } from '../../io/safetensors.ts'
import { createSchedule, initialState, readSchedulerConfig, type Schedule, ScheduleError, type State } from './index.ts'

const golden = join(import.meta.dirname, '../../../../../test/golden/schedulers')

for (const name of readdirSync(golden)) {
  test(`${name}: timesteps, inputs and trajectories are those of diffusers`, () => checkGolden(join(golden, name)))
}

const sd1 = { _class_name: 'DDIMScheduler', beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }

test('an unknown class is refused with the known ones', () => {
  assert.throws(
    () => createSchedule({ _class_name: 'MagicScheduler' }, { steps: 4 }),
    /"MagicScheduler"; there are Flow.*DDIM/,
  )
  assert.throws(() => createSchedule({}, { steps: 4 }), /no scheduler undefined/)
  assert.throws(() => createSchedule(sd1, { steps: 4, className: 'toString' }), /no scheduler "toString"/)
})

test('a configuration that is wrong or not supported is refused with its key and value', () => {
  const cases: [config: object, problem: RegExp][] = [
    [{ ...sd1, beta_schedule: 'cubic' }, /beta_schedule is "cubic": .*scaled_linear/],
    [{ ...sd1, thresholding: true }, /thresholding is true: is not supported/],
    [{ ...sd1, _class_name: 'PNDMScheduler' }, /skip_prk_steps is undefined: must be true/],
    [
      { ...sd1, _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver' },
      /final_sigmas_type .*sigma_min/,
    ],
    [{ ...sd1, num_train_timesteps: 'many' }, /num_train_timesteps is "many": .*expected number/],
  ]
  for (const [config, problem] of cases) {
    assert.throws(
      () => createSchedule(config, { steps: 4 }),
      (error) => {
        assert.ok(error instanceof ScheduleError)
        assert.match(error.message, problem)
        return true
      },
    )
  }
})

test('the number of steps must be possible', () => {
  for (const steps of [0, -1, 2.5, 1001, Number.NaN]) {
    assert.throws(() => createSchedule(sd1, { steps }), /steps: 1 to 1000 are possible/)
  }
  assert.throws(
    () => createSchedule({ ...sd1, _class_name: 'LCMScheduler' }, { steps: 51 }),
    /51 steps .*distilled from 50/,
  )
})

test('a sampler that draws noise says so, and does not go on without it', () => {
  const x = Float32Array.of(1)
  const still = createSchedule(sd1, { steps: 2 })
  assert.equal(still.drawsNoise, false)
  still.step(x, x, 0, initialState)
  const drawing = createSchedule(sd1, { steps: 2, className: 'EulerAncestralDiscreteScheduler' })
  assert.equal(drawing.drawsNoise, true)
  assert.throws(() => drawing.step(x, x, 0, initialState), /step 0 draws noise, and none was given/)
  drawing.step(x, x, 1, initialState)
})

test('a configuration written by Python may hold infinities', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'scheduler-'))
  t.after(() => rm(folder, { recursive: true }))
  const write = (text: string) => writeFileSync(join(folder, 'scheduler_config.json'), text)
  write('{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}')
  assert.equal(createSchedule(readSchedulerConfig(folder), { steps: 3 }).timesteps.length, 3)
  write('{"_class_name": ')
  assert.throws(() => readSchedulerConfig(folder), /scheduler_config\.json: .*JSON/)
  write('[]')
  assert.throws(() => readSchedulerConfig(folder), ScheduleError)
})

/** All runs of a case: fixed model outputs, outputs that feed back the latent, and a start from a noised image. */
function checkGolden(folder: string): void {
  const {
    steps,
    eta,
    class: className,
  }: { steps: number[]; eta: number; class?: string } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
  const config = readSchedulerConfig(folder)
  const inputs = openSafetensors(join(folder, 'inputs.safetensors'))
  const outputs = openSafetensors(join(folder, 'outputs.safetensors'))
  const first = inputs.read('initial_noise')
  const row = (values: Float32Array, i: number) => values.slice(i * first.length, (i + 1) * first.length)
  const models = inputs.read('model_outputs')
  const noises = inputs.tensors.has('noise') ? inputs.read('noise') : models

  for (const n of steps) {
    const schedule = createSchedule(config, { steps: n, eta, ...(className && { className }) })
    const expect = (key: string, got: Float32Array) => {
      if (outputs.tensors.has(`steps${n}.${key}`))
        assertNear(`${n} ${key}`, got, outputs.read(`steps${n}.${key}`), first.length)
    }
    const timesteps = outputs.read(`steps${n}.timesteps`)
    assert.equal(schedule.timesteps.length, timesteps.length)
    for (const [i, t] of timesteps.entries()) assert.ok(Math.abs(schedule.timesteps[i]! - t) <= 1e-3, `timestep ${i}`)
    expect('init_noise_sigma', Float32Array.of(schedule.initNoiseSigma))

    const start = first.map((value) => value * schedule.initNoiseSigma)
    const fixed = walk(schedule, start, 0, (_, i) => row(models, i))
    expect('trajectory', flat(fixed.latents))
    expect('scaled_inputs', flat(fixed.inputs))
    expect('pred_original', flat(fixed.denoised))

    const feedback = (x: Float32Array, i: number) => x.map((value, k) => 0.6 * value + 0.4 * row(models, i)[k]!)
    expect('feedback_trajectory', flat(walk(schedule, start, 0, feedback).latents))

    const kept = outputs.tensors.get(`steps${n}.img2img_timesteps`)?.shape[0]
    if (kept) {
      const from = timesteps.length - kept
      const noised = schedule.addNoise(inputs.read('clean'), first, from)
      expect('img2img_trajectory', flat(walk(schedule, noised, from, (x, i) => feedback(x, i - from)).latents))
    }
  }

  function walk(
    schedule: Schedule,
    start: Float32Array,
    from: number,
    model: (x: Float32Array, i: number) => Float32Array,
  ) {
    const [latents, scaled, denoised]: Float32Array[][] = [[start], [], []]
    let state: State = initialState
    for (let i = from; i < schedule.timesteps.length; i++) {
      const input = schedule.scaleInput(latents!.at(-1)!, i)
      const step = schedule.step(latents!.at(-1)!, model(input, i), i, state, row(noises, i - from))
      state = step.state
      scaled!.push(input)
      denoised!.push(step.denoised)
      latents!.push(step.x)
    }
    return { latents: latents!, inputs: scaled!, denoised: denoised! }
  }
}

/** Latents grow with sigma, and float32 with them: the tolerance is relative to the largest value of `size` in a row. */
function assertNear(what: string, got: Float32Array, want: Float32Array, size: number): void {
  assert.equal(got.length, want.length, what)
  for (const [i, value] of want.entries()) {
    const start = i - (i % size)
    const largest = want.subarray(start, start + size).reduce((max, other) => Math.max(max, Math.abs(other)), 0)
    const near = Math.abs(got[i]! - value) <= 1e-5 + 1e-4 * largest
    assert.ok(near, `${what}[${i}]: ${got[i]}, not ${value}`)
  }
}

const flat = (rows: readonly Float32Array[]): Float32Array => Float32Array.from(rows.flatMap((values) => [...values]))
