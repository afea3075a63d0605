/** The latents of a story's frames: its schedule, step by step, with a denoiser that shares and injects identities. */
import { gaussian } from '../engine/diffusion/noise.ts'
import { sample } from '../engine/diffusion/sample.ts'
import { guidedDenoise } from '../engine/pipeline/guided.ts'
import type { Pipeline } from '../engine/pipeline/open.ts'
import type { EncodedStory } from './encode.ts'
import { planCalls } from './plan/calls.ts'
import type { StoryPlan } from './plan/plan.ts'
import { Injector } from './references/id-injector.ts'
import { Synchronizer } from './sharing/id-synchronizer.ts'
import type { StoryEvent } from './types.ts'

export interface SampleFramesOptions {
  /** Frames to sample; those that they attend to are sampled too. */
  readonly frames: readonly number[]
  /** What the rows of one UNet call may take, unless images that attend to each other need more. */
  readonly callBytes: number
  /** References at every pixel, as an IP-Adapter without masks takes them; to be compared with. */
  readonly wholePictures?: boolean | undefined
  readonly signal: AbortSignal
}

export interface SampledImages {
  /** [C,h,w] of each image that was sampled. */
  readonly latents: ReadonlyMap<number, Float32Array>
  /** Where characters were, by the attention while sampling; null for a story without characters. */
  readonly synchronizer: Synchronizer | null
}

/** Yields each step. Throws `StoryRejected` where the memory does not suffice, and the signal's reason when it aborts. */
export async function* sampleFrames(
  pipeline: Pipeline,
  plan: StoryPlan,
  encoded: EncodedStory,
  { frames, callBytes, wholePictures, signal }: SampleFramesOptions,
): AsyncGenerator<StoryEvent & { type: 'step' }, SampledImages> {
  const { images, imageOf, schedule, grid, guidance, latentShape } = plan
  const synchronizer = synchronizerOf(pipeline, plan, encoded)
  const injection = synchronizer && injectorOf(pipeline, plan, encoded, { synchronizer, wholePictures })
  const calls = await planCalls(pipeline, plan, { asked: frames.map((frame) => imageOf[frame]!), callBytes })
  const size = latentShape.reduce((product, length) => product * length)
  const noiseOf = (image: number, stream: number) =>
    gaussian({ seed: images[image]!.seed, story: '', frame: '', stream }, size)
  const noise = (stream: number) => {
    const all = new Float32Array(calls.images.length * size)
    for (const [place, image] of calls.images.entries()) all.set(noiseOf(image, stream), place * size)
    return all
  }
  /** The model's input for a given image at a step; undefined for those that are sampled. */
  const given = (image: number, step: number) => {
    const latent = givenOf(plan, encoded, image)?.latent
    return latent && schedule.scaleInput(schedule.addNoise(latent, noiseOf(image, 0), step), step)
  }
  const denoise = guidedDenoise({
    ...{ denoiser: pipeline.denoiser, conditioning: encoded.conditioning, grid, guidance, given, signal },
    ...{ batches: calls.batches, most: calls.most, steps: schedule.timesteps.length },
    ...{ sharing: synchronizer ?? undefined, injection: injection ?? undefined },
  })
  let latents = new Float32Array()
  for await (const step of sample({ schedule, denoise, noise: noise(0), stepNoise: (i) => noise(i + 1) })) {
    signal.throwIfAborted()
    latents = Float32Array.from(step.x)
    yield { type: 'step', step: step.step, steps: step.steps }
  }
  return {
    latents: new Map(
      calls.images.map((image, place) => [image, latents.slice(place * size, (place + 1) * size)] as const),
    ),
    synchronizer,
  }
}

/** What an image is noised from; null for one that is sampled. */
function givenOf({ images, story }: StoryPlan, { anchors }: EncodedStory, image: number) {
  return images[image]!.isGiven ? anchors[image - story.frames.length]! : null
}

function synchronizerOf({ denoiser }: Pipeline, plan: StoryPlan, encoded: EncodedStory): Synchronizer | null {
  const { images, story, grid, mode, seed, schedule, settings } = plan
  const { synchronizer: strength, leak_guard: guard, regions } = settings
  // Where characters are is recorded even if no frame attends to them: the self-check and a bank need it.
  if (mode === 'none' && story.characters.length === 0) return null
  return new Synchronizer({
    ...{ images, grid, mode, seed, strength, guard },
    knownMasks: images.map((_, image) => givenOf(plan, encoded, image)?.masks ?? null),
    attention: denoiser.plan,
    steps: schedule.timesteps.length,
    withRegions: encoded.references !== null && regions,
  })
}

function injectorOf(
  { denoiser, identity }: Pipeline,
  { images, grid, settings }: StoryPlan,
  { references }: EncodedStory,
  { synchronizer, wholePictures }: { synchronizer: Synchronizer; wholePictures: boolean | undefined },
): Injector | null {
  if (!references) return null
  return new Injector({
    ...references,
    ...{ images, grid, attention: denoiser.plan },
    strength: settings.injector,
    regions: settings.regions,
    located: identity!.located,
    everywhere: wholePictures,
    map: (image, group) => synchronizer.map(image, group),
  })
}
