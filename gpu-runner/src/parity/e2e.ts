/** Cases of kind `e2e`: whole runs of a model folder, from prompts to 8-bit pictures. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { guide } from '../diffusion/sample.ts'
import {
  createSchedule,
  initialState,
  readSchedulerConfig,
  type Schedule,
  type State,
} from '../diffusion/schedulers/index.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import { type HostTensor, openSession } from '../runtime/session.ts'
import { adaptedUNet, type GivenAdapter } from './attention.ts'
import { checkAll, type Device, type GoldenCase, inputOf, readJson } from './case.ts'
import type { Check } from './compare.ts'
import { picturesOf } from './e2e-pictures.ts'
import { E2eRun, type Prompts, promptsOf } from './e2e-prompts.ts'
import { openDecoder, openEncoder } from './vae.ts'

export async function* endToEnd(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = resolve(golden.folder, golden.json.weights.pipeline ?? 'pipeline')
  for (const json of golden.json.runs) {
    const run = E2eRun.parse(json)
    const prompts = await promptsOf(folder, run, device)
    const pictures = await picturesOf(golden, folder, run, prompts.rows, device)
    const { latents, timesteps } = await sampled(golden, folder, run, prompts, pictures, device)
    const final = latents.at(-1)!
    const decoder = await openDecoder(join(folder, 'vae'), device)
    const { scalingFactor, shiftFactor } = decoder.config
    const latent = { data: final.data.map((value) => value / scalingFactor + shiftFactor), shape: final.shape }
    const { decoded } = await decoder.session.run({ latent })
    await decoder.session.close()
    const values: Record<string, HostTensor> = {
      ...prompts.outputs,
      timesteps: { data: Float32Array.from(timesteps), shape: [timesteps.length] },
      latents_per_step: {
        data: Float32Array.from(latents.flatMap(({ data }) => [...data])),
        shape: [latents.length, ...final.shape],
      },
      final_latents: final,
      decoded: decoded!,
      image_u8: pixelsOf(decoded!),
    }
    yield* checkAll(golden, run.id, values)
  }
}

type Latent = HostTensor & { data: Float32Array }

/** Every latent of the run, the first step's first, and the timesteps before an image-to-image run drops some. */
async function sampled(
  golden: GoldenCase,
  folder: string,
  run: E2eRun,
  prompts: Prompts,
  pictures: readonly GivenAdapter[],
  device: Device,
): Promise<{ latents: Latent[]; timesteps: Float64Array }> {
  const { schedule, from, x: first } = await beginning(golden, folder, run, device)
  const { shape } = first
  const guided = prompts.rows > shape[0]!
  const feedsOf = (x: Float32Array, timestep: number): Record<string, HostTensor> => ({
    ...prompts.feeds,
    sample: { data: guided ? Float32Array.from([...x, ...x]) : x, shape: [prompts.rows, ...shape.slice(1)] },
    timestep: { data: new Float32Array(prompts.rows).fill(timestep), shape: [prompts.rows] },
  })
  const unetFolder = join(folder, 'unet')
  const config = parseUNetConfig(readJson(join(unetFolder, 'config.json')))
  const model = adaptedUNet(unetFolder, config, feedsOf(first.data, 0), pictures)
  const session = await openSession(model.outputs, { weights: model.root, device })
  try {
    const noises = schedule.drawsNoise ? inputOf(golden, `${run.id}.step_noise`).data : null
    const size = first.data.length
    const latents: Latent[] = []
    let x = first.data
    let state: State = initialState
    for (let i = from; i < schedule.timesteps.length; i++) {
      const feeds = feedsOf(schedule.scaleInput(x, i), schedule.timesteps[i]!)
      const { out } = await session.run({ ...feeds, ...model.feeds })
      const both = out!.data as Float32Array
      const output = guided ? guidedOutput(both, run, shape[0]!) : both
      const noise = noises?.subarray((i - from) * size, (i - from + 1) * size)
      ;({ x, state } = schedule.step(x, output, i, state, noise))
      latents.push({ data: x, shape })
    }
    return { latents, timesteps: schedule.timesteps }
  } finally {
    await session.close()
  }
}

/** The schedule, the call to begin at, and the latent there: noise, or a noised picture. */
async function beginning(
  golden: GoldenCase,
  folder: string,
  run: E2eRun,
  device: Device,
): Promise<{ schedule: Schedule; from: number; x: Latent }> {
  const config = { ...readSchedulerConfig(join(folder, 'scheduler')), ...run.scheduler?.overrides }
  const className = run.scheduler?.class ?? z.looseObject({ _class_name: z.string() }).parse(config)._class_name
  const schedule = createSchedule(config, { steps: run.steps, className, eta: run.args.eta })
  const noise = inputOf(golden, `${run.id}.initial_noise`)
  const { strength } = run
  if (strength === undefined) {
    const data = noise.data.map((value) => value * schedule.initNoiseSigma)
    return { schedule, from: 0, x: { data, shape: noise.shape } }
  }
  const encoder = await openEncoder(join(folder, 'vae'), device)
  const { data, shape } = inputOf(golden, `${run.id}.init_image`)
  const feeds = {
    image: { data: data.map((value) => 2 * value - 1), shape },
    noise: inputOf(golden, `${run.id}.encode_noise`),
  }
  const clean = (await encoder.session.run(feeds)).sampled_scaled!.data as Float32Array
  await encoder.session.close()
  // Heun's calls come in twos.
  const order = className === 'HeunDiscreteScheduler' ? 2 : 1
  const from = order * Math.max(0, run.steps - Math.min(Math.trunc(run.steps * strength), run.steps))
  return { schedule, from, x: { data: schedule.addNoise(clean, noise.data, from), shape: noise.shape } }
}

/** Guidance, and where asked for its rescaling (arXiv:2305.08891, section 3.4) for each of `batch` samples. */
function guidedOutput(both: Float32Array, run: E2eRun, batch: number): Float32Array {
  const guided = guide(both, run.guidance_scale)
  const amount = run.args.guidance_rescale
  if (amount === 0) return guided
  const size = guided.length / batch
  const out = new Float32Array(guided.length)
  for (let start = 0; start < out.length; start += size) {
    const own = guided.subarray(start, start + size)
    const conditional = both.subarray(guided.length + start, guided.length + start + size)
    const factor = amount * (deviation(conditional) / deviation(own)) + 1 - amount
    out.set(
      own.map((value) => value * factor),
      start,
    )
  }
  return out
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** decoded[N,3,H,W] in −1 … 1 → 8-bit pixels [N,H,W,3]. */
function pixelsOf({ data, shape }: HostTensor): HostTensor {
  const [n, channels, height, width] = shape as [number, number, number, number]
  const area = height * width
  const pixels = Uint8Array.from({ length: data.length }, (_, i) => {
    const [image, pixel, c] = [Math.floor(i / (area * channels)), Math.floor(i / channels) % area, i % channels]
    const value = Number(data[(image * channels + c) * area + pixel]) / 2 + 0.5
    return Math.round(255 * Math.max(0, Math.min(1, value)))
  })
  return { data: pixels, shape: [n, height, width, channels] }
}
