/** Cases of kind `scheduler`: timesteps, noise levels and trajectories of a sampler. */
import { z } from 'zod'
import {
  createSchedule,
  initialState,
  readSchedulerConfig,
  type Schedule,
  type State,
} from '../../engine/diffusion/schedulers/index.ts'
import { Betas, cumulatedAlphas } from '../../engine/diffusion/schedulers/noise-levels.ts'
import { check, type GoldenCase, inputOf } from './case.ts'
import type { Check } from './compare.ts'

const SchedulerCase = z.looseObject({
  steps: z.array(z.int()),
  eta: z.number().default(0),
  class: z.string().optional(),
})

export async function* scheduler(golden: GoldenCase): AsyncGenerator<Check> {
  const { steps, eta, class: className } = SchedulerCase.parse(golden.json)
  const config = readSchedulerConfig(golden.folder)
  const name = className ?? ('_class_name' in config ? String(config._class_name) : '')
  const expected = (key: string) => golden.outputs.tensors.get(key)
  if (expected('alphas_cumprod')) yield whole('alphas_cumprod', cumulatedAlphas(Betas.parse(config)))
  for (const n of steps) {
    const schedule = createSchedule(config, { steps: n, eta, ...(className && { className }) })
    for (const [key, values] of Object.entries(computed(golden, schedule, n, name)))
      if (expected(`steps${n}.${key}`)) yield whole(`steps${n}.${key}`, values)
  }

  /** Latents grow with sigma, so what is relative is so to the largest value of one latent. */
  function whole(key: string, values: Float32Array): Check {
    const info = expected(key)!
    const size = inputOf(golden, 'initial_noise').data.length
    const { atol, rtol } = golden.tolerance
    const last = key.split('.').at(-1)!
    const tolerance =
      info.shape.length > 1 ? { atol, rtol, block: size } : { atol, rtol: last === 'sigmas' ? 1e-5 : rtol }
    return check(golden, key, { data: values, shape: fitted(info.shape, values.length) }, tolerance)
  }
}

function computed(golden: GoldenCase, schedule: Schedule, n: number, name: string): Record<string, Float32Array> {
  const { data: noise } = inputOf(golden, 'initial_noise')
  const row = (values: Float32Array, i: number) => values.subarray(i * noise.length, (i + 1) * noise.length)
  const { data: models } = inputOf(golden, 'model_outputs')
  const drawn = golden.inputs.tensors.has('noise') ? inputOf(golden, 'noise').data : undefined
  const start = noise.map((value) => value * schedule.initNoiseSigma)
  const feedback = (x: Float32Array, i: number) => x.map((value, k) => 0.6 * value + 0.4 * row(models, i)[k]!)

  const fixed = walk(0, start, (_, i) => row(models, i))
  const values: Record<string, Float32Array> = {
    timesteps: Float32Array.from(schedule.timesteps),
    init_noise_sigma: Float32Array.of(schedule.initNoiseSigma),
    trajectory: fixed.latents,
    scaled_inputs: fixed.inputs,
    pred_original: fixed.denoised,
    feedback_trajectory: walk(0, start, feedback).latents,
  }
  if (golden.outputs.tensors.has(`steps${n}.sigmas`)) values.sigmas = sigmasOf(schedule, name)
  const kept = golden.outputs.tensors.get(`steps${n}.img2img_timesteps`)?.shape[0]
  if (kept) {
    const from = schedule.timesteps.length - kept
    const noised = schedule.addNoise(inputOf(golden, 'clean').data, noise, from)
    values.img2img_timesteps = Float32Array.from(schedule.timesteps.subarray(from))
    values.img2img_trajectory = walk(from, noised, (x, i) => feedback(x, i - from)).latents
  }
  return values

  function walk(from: number, first: Float32Array, model: (x: Float32Array, i: number) => Float32Array) {
    const [latents, inputs, denoised]: [Float32Array[], Float32Array[], Float32Array[]] = [[first], [], []]
    let state: State = initialState
    let x = first
    for (let i = from; i < schedule.timesteps.length; i++) {
      const shown = schedule.scaleInput(x, i)
      const step = schedule.step(x, model(shown, i), i, state, drawn && row(drawn, i - from))
      ;({ x, state } = step)
      inputs.push(shown)
      denoised.push(step.denoised)
      latents.push(x)
    }
    return { latents: flat(latents), inputs: flat(inputs), denoised: flat(denoised) }
  }
}

/** Noise per unit of clean latent, as `addNoise` mixes them; in flow matching, where both shares add to 1, of noise. */
function sigmasOf(schedule: Schedule, name: string): Float32Array {
  const [zero, one] = [Float32Array.of(0), Float32Array.of(1)]
  return Float32Array.from({ length: schedule.timesteps.length + 1 }, (_, i) => {
    const noise = schedule.addNoise(zero, one, i)[0]!
    return name.startsWith('FlowMatch') ? noise : noise / schedule.addNoise(one, zero, i)[0]!
  })
}

/** `shape` with its first size as `length` has it, so that a schedule of another length shows in its shape. */
function fitted(shape: readonly number[], length: number): readonly number[] {
  const rest = shape.slice(1).reduce((product, size) => product * size, 1)
  return shape.length === 0 ? [] : [length / rest, ...shape.slice(1)]
}

const flat = (rows: readonly Float32Array[]): Float32Array => Float32Array.from(rows.flatMap((row) => [...row]))
