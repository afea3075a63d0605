/** The real story model: samples all frames of a story together, each character shared among the frames it is in. */
import type { StoryRequest } from '../../../contract/story.ts'
import { gaussian } from '../diffusion/noise.ts'
import { sample } from '../diffusion/sample.ts'
import { type Grid, levelGrid } from '../pipeline/attention-plan.ts'
import { toRgb } from '../pipeline/autoencoder.ts'
import { encodeConditioning } from '../pipeline/conditioning.ts'
import { type Guidance, guidedDenoise, isGuided } from '../pipeline/guided.ts'
import { openPipeline, type Pipeline } from '../pipeline/open.ts'
import { NotFiniteError } from '../runtime/finite.ts'
import { planCalls } from './calls.ts'
import { Injector } from './injector.ts'
import type { FrameMasks } from './masks.ts'
import { castPrompts } from './prompts.ts'
import { prepareReferences } from './references.ts'
import { scheduleFor } from './schedule.ts'
import type { SharingMode } from './sharing-modes.ts'
import { Synchronizer } from './synchronizer.ts'
import { type OpenStoryOptions, type StoryEvent, type StoryModel, StoryRejected, type TellOptions } from './types.ts'

/** Steps and guidance by what a model was trained for: a rectified flow, SD or SDXL. */
const defaults = {
  flow: { steps: 25, guidance: 3 },
  sd: { steps: 25, guidance: 7.5 },
  sdxl: { steps: 25, guidance: 5 },
}

/** Pictures with sides beyond this many times those a model was trained on are no pictures any more. */
const maxScale = 2

/** Beside the weights. More rows in a call make it no faster on a CPU. */
const usualCallBytes = 4 * 2 ** 30

export async function openStoryModel({ folder, ...options }: OpenStoryOptions): Promise<StoryModel> {
  return storyModel(await openPipeline(folder, options))
}

export interface StoryModelOptions {
  /** What the rows of one UNet call may take, unless frames that look at each other need more. */
  readonly callBytes?: number
  /** Another way of sharing than the method's, to be compared with it. */
  readonly mode?: SharingMode
  /** References as whole pictures at every pixel, as an IP-Adapter without masks takes them; to be compared with. */
  readonly wholePictures?: boolean
  /** Told at the end of sampling where the characters of each frame are, on the finest grid that is shared. */
  readonly onMasks?: (masks: readonly FrameMasks[], grid: Grid) => void
}

export function storyModel(pipeline: Pipeline, options: StoryModelOptions = {}): StoryModel {
  return {
    name: pipeline.name,
    defaultSize: { width: pipeline.size, height: pipeline.size },
    tell: (request, tellOptions) => tell(pipeline, options, request, tellOptions),
    close: () => pipeline.release(),
  }
}

/** A story that begins and does not come to its end, cancelled or failed, gives back all memory that it took. */
async function* tell(
  pipeline: Pipeline,
  model: StoryModelOptions,
  request: StoryRequest,
  options: TellOptions,
): AsyncGenerator<StoryEvent> {
  let unfinished = false
  try {
    for await (const event of told(pipeline, model, request, options)) {
      unfinished = true
      yield event
    }
    unfinished = false
  } catch (error) {
    // The story is at fault: the same numbers come out however often it is tried.
    if (error instanceof NotFiniteError) throw new StoryRejected(error.message, { cause: error })
    throw error
  } finally {
    if (unfinished) await pipeline.release()
  }
}

async function* told(
  pipeline: Pipeline,
  { callBytes = usualCallBytes, mode, wholePictures, onMasks }: StoryModelOptions,
  request: StoryRequest,
  { seed, signal, skip = new Set(), pictures }: TellOptions,
): AsyncGenerator<StoryEvent> {
  const wanted = request.frames.map((_, frame) => frame).filter((frame) => !skip.has(frame))
  if (wanted.length === 0) return
  const { autoencoder, denoiser, text } = pipeline
  const { grid, width, height } = sizeOf(request, pipeline)
  const isFlow = '_class_name' in pipeline.scheduler && String(pipeline.scheduler._class_name).startsWith('FlowMatch')
  const usual = defaults[isFlow ? 'flow' : pipeline.kind]
  const guidance: Guidance = {
    scale: request.guidance_scale ?? usual.guidance,
    rescale: request.guidance_rescale ?? 0,
    interval: request.guidance_interval ?? [0, 1],
  }
  const clipSkip = request.clip_skip ?? 0
  if (clipSkip > text.layers)
    throw new StoryRejected(
      `clip_skip ${clipSkip}: the text encoder of ${pipeline.name} has ${text.layers} layers to skip`,
    )
  const schedule = scheduleFor(pipeline.scheduler, request.scheduler, request.steps ?? usual.steps)
  signal.throwIfAborted()

  yield { type: 'stage', stage: 'encoding_text' }
  const { prompts, tokens, regions, negatives } = castPrompts(request, text)
  const conditioning = await encodeConditioning(pipeline, {
    prompts,
    negatives: isGuided(guidance) ? negatives : undefined,
    clipSkip,
    size: [height, width],
  })
  const { synchronizer: strength = 1, injector = 1, regions: byRegion = true } = request.consistency
  const references =
    injector > 0
      ? await prepareReferences(pipeline, request, { pictures, regions: byRegion, uncut: wholePictures, signal })
      : null
  signal.throwIfAborted()

  yield { type: 'stage', stage: 'sampling' }
  const steps = schedule.timesteps.length
  const { plan } = denoiser
  const more = references && byRegion ? regions.map((cast) => cast.flat()) : undefined
  const recorded = strength > 0 || references !== null
  const sharing = recorded
    ? new Synchronizer({ tokens, more, text, plan, grid, strength, seed, steps, mode })
    : undefined
  const injection =
    references && sharing
      ? new Injector({
          ...references,
          ...{ strength: injector, regions: byRegion, located: pipeline.identity!.located, everywhere: wholePictures },
          ...{ present: tokens.map((cast) => cast.map((positions) => positions.length > 0)), plan, grid },
          map: (frame, column) => sharing.map(frame, column),
        })
      : undefined
  const calls = await planCalls(pipeline, { wanted, looksAt: sharing?.looksAt ?? [], grid, callBytes })
  const { frames } = calls
  const perFrame = autoencoder.latentChannels * grid.width * grid.height
  const noise = (stream: number) => {
    const all = new Float32Array(frames.length * perFrame)
    for (const [slot, frame] of frames.entries())
      all.set(gaussian({ seed, story: '', frame: String(frame), stream }, perFrame), slot * perFrame)
    return all
  }
  const denoise = guidedDenoise({ denoiser, conditioning, grid, guidance, steps, ...calls, sharing, injection, signal })
  let latents = new Float32Array()
  for await (const step of sample({ schedule, denoise, noise: noise(0), stepNoise: (i) => noise(i + 1) })) {
    signal.throwIfAborted()
    latents = Float32Array.from(step.x)
    yield { type: 'step', step: step.step, steps: step.steps }
  }
  if (sharing && onMasks) {
    const finest = levelGrid(grid, plan.shared[0] ?? plan.maps)
    onMasks(sharing.masks(finest), finest)
  }

  yield { type: 'stage', stage: 'decoding' }
  for (const index of wanted) {
    signal.throwIfAborted()
    const slot = frames.indexOf(index)
    const data = latents.slice(slot * perFrame, (slot + 1) * perFrame)
    const latent = { data, shape: [1, autoencoder.latentChannels, grid.height, grid.width] }
    const rgb = toRgb(await autoencoder.decode(latent, { mostBytes: callBytes, signal }))
    yield { type: 'frame', frame: { index, rgb, width, height, seed } }
  }
}

function sizeOf(request: StoryRequest, { name, size, autoencoder: { factor } }: Pipeline) {
  const { width, height } = { width: request.width ?? size, height: request.height ?? size }
  const largest = maxScale * size
  if (Math.max(width, height) > largest)
    throw new StoryRejected(`${width}×${height} is too large; ${name} draws up to ${largest}×${largest}`)
  if (width % factor !== 0 || height % factor !== 0)
    throw new StoryRejected(`${width}×${height}: ${name} draws sides that are multiples of ${factor}`)
  const grid: Grid = { width: width / factor, height: height / factor }
  return { width, height, grid }
}
