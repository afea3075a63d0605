/** Cases of kind `e2e`: whole runs of a model folder, from prompts to 8-bit pictures, through the pipeline that stories take. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { sample } from '../../engine/diffusion/sample.ts'
import { createSchedule } from '../../engine/diffusion/schedulers/index.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import { toRgb } from '../../engine/pipeline/autoencoder.ts'
import { type Conditioning, encodeConditioning, promptIds } from '../../engine/pipeline/conditioning.ts'
import { guidedDenoise, isGuided } from '../../engine/pipeline/guided.ts'
import { openPipeline, type Pipeline } from '../../engine/pipeline/open.ts'
import type { PromptIds } from '../../engine/pipeline/text-encoders.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { checkAll, type Device, type GoldenCase, inputOf } from './case.ts'
import type { Check } from './compare.ts'
import { type Pictures, picturesOf } from './e2e-pictures.ts'
import { E2eRun } from './e2e-run.ts'

export async function* endToEnd(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = resolve(golden.folder, golden.json.weights.pipeline ?? 'pipeline')
  for (const json of golden.json.runs) {
    const run = E2eRun.parse(json)
    const pictures = await picturesOf(golden, join(folder, 'image_encoder'), run, device)
    const [height, width] = run.latent
    const grid = { width, height }
    const adapters = pictures ? { adapters: [pictures.adapter], grid } : {}
    const pipeline = await openPipeline(folder, { device, ...adapters })
    try {
      yield* checkAll(golden, run.id, await outputsOf(golden, run, pipeline, grid, pictures))
    } finally {
      await pipeline.release()
    }
  }
}

/** Every stage of a run, under the names of the cases. */
async function outputsOf(
  golden: GoldenCase,
  run: E2eRun,
  pipeline: Pipeline,
  grid: Grid,
  pictures: Pictures | null,
): Promise<Record<string, HostTensor>> {
  const { autoencoder, denoiser, text } = pipeline
  const guidance = { scale: run.guidance_scale, rescale: run.args.guidance_rescale }
  const ids = [run.prompt].flat().map((prompt) => promptIds(prompt, text))
  const prompts = await conditioningOf(run, pipeline, ids, grid)
  const conditioning = pictures ? pictures.withPictures(prompts) : prompts
  const { schedule, start } = await beginning(golden, run, pipeline)
  const noise = inputOf(golden, `${run.id}.initial_noise`)
  const stepNoise = schedule.drawsNoise ? inputOf(golden, `${run.id}.step_noise`).data : new Float32Array()
  const frames = ids.map((_, frame) => frame)
  const denoise = guidedDenoise({
    denoiser,
    conditioning,
    grid,
    guidance,
    steps: schedule.timesteps.length - (start?.from ?? 0),
    batches: [{ frames, taken: frames }],
    most: 2 * frames.length,
  })
  const latents: Float32Array[] = []
  const size = noise.data.length
  const noiseOf = (step: number) => stepNoise.subarray(step * size, (step + 1) * size)
  for await (const { x } of sample({ schedule, denoise, noise: noise.data, stepNoise: noiseOf, start })) latents.push(x)
  const final = { data: latents.at(-1)!, shape: noise.shape }
  const decoded = await autoencoder.decode(final)
  return {
    ...promptOutputs(ids, prompts, text),
    timesteps: { data: Float32Array.from(schedule.timesteps), shape: [schedule.timesteps.length] },
    latents_per_step: {
      data: Float32Array.from(latents.flatMap((x) => [...x])),
      shape: [latents.length, ...noise.shape],
    },
    final_latents: final,
    decoded,
    image_u8: bytesOf(decoded),
  }
}

function conditioningOf(run: E2eRun, pipeline: Pipeline, prompts: PromptIds[], grid: Grid): Promise<Conditioning> {
  const { args, negative_prompt: negative } = run
  const given = Array.isArray(negative) ? negative : prompts.map(() => negative ?? '')
  const negatives = negative == null ? null : given.map((prompt) => promptIds(prompt, pipeline.text))
  return encodeConditioning(pipeline, {
    prompts,
    negatives: isGuided({ scale: run.guidance_scale }) ? negatives : undefined,
    clipSkip: args.clip_skip ?? 0,
    size: [grid.height * pipeline.autoencoder.factor, grid.width * pipeline.autoencoder.factor],
    sizes: { original: args.original_size, crop: args.crops_coords_top_left, target: args.target_size },
    negativeSizes: {
      original: args.negative_original_size,
      crop: args.negative_crops_coords_top_left,
      target: args.negative_target_size,
    },
  })
}

/** The schedule, and for image to image the clean latents and the call to begin at. */
async function beginning(golden: GoldenCase, run: E2eRun, { scheduler, autoencoder }: Pipeline) {
  const config = { ...scheduler, ...run.scheduler?.overrides }
  const className = run.scheduler?.class ?? z.looseObject({ _class_name: z.string() }).parse(config)._class_name
  const schedule = createSchedule(config, { steps: run.steps, className, eta: run.args.eta })
  if (run.strength === undefined) return { schedule }
  const { data, shape } = inputOf(golden, `${run.id}.init_image`)
  const picture = { data: data.map((value) => 2 * value - 1), shape }
  const clean = await autoencoder.encode(picture, inputOf(golden, `${run.id}.encode_noise`))
  // Heun's calls come in twos.
  const order = className === 'HeunDiscreteScheduler' ? 2 : 1
  const from = order * Math.max(0, run.steps - Math.min(Math.trunc(run.steps * run.strength), run.steps))
  return { schedule, start: { clean: clean.data as Float32Array, from } }
}

function promptOutputs(
  ids: readonly PromptIds[],
  { conditional, unconditional }: Conditioning,
  { tokenizers, length, width, pooledWidth }: Pipeline['text'],
): Record<string, HostTensor> {
  const outputs: Record<string, HostTensor> = {}
  for (const i of tokenizers.keys()) {
    const rows = ids.flatMap((prompt) => prompt.ids[i]!)
    outputs[i === 0 ? 'input_ids' : `input_ids_${i + 1}`] = {
      data: BigInt64Array.from(rows, BigInt),
      shape: [ids.length, length],
    }
  }
  for (const [prefix, rows] of [
    ['', conditional],
    ['negative_', unconditional],
  ] as const) {
    if (!rows) continue
    const joined = (values: readonly Float32Array[], shape: number[]) => ({
      data: Float32Array.from(values.flatMap((value) => [...value])),
      shape: [values.length, ...shape],
    })
    outputs[`${prefix}prompt_embeds`] = joined(
      rows.map(({ context }) => context),
      [length, width],
    )
    if (pooledWidth > 0)
      outputs[`${prefix}pooled_prompt_embeds`] = joined(
        rows.map(({ pooled }) => pooled!),
        [pooledWidth],
      )
  }
  return outputs
}

/** decoded[N,3,H,W] → 8-bit pixels [N,H,W,3]. */
function bytesOf({ data, shape }: HostTensor): HostTensor {
  const [n, channels, height, width] = shape as [number, number, number, number]
  const size = channels * height * width
  const pixels = new Uint8Array(n * size)
  for (let i = 0; i < n; i++) {
    const planes = (data as Float32Array).subarray(i * size, (i + 1) * size)
    pixels.set(toRgb({ data: planes, shape: [1, channels, height, width] }), i * size)
  }
  return { data: pixels, shape: [n, height, width, channels] }
}
