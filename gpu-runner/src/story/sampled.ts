/** A story whose frames are sampled together, each character shared among the frames that it is in. */
import { BankError } from '../../../contract/bank.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { type Picture, readImage } from '../engine/io/png.ts'
import { type Grid, levelGrid } from '../engine/pipeline/attention-plan.ts'
import { toRgb } from '../engine/pipeline/autoencoder.ts'
import type { Pipeline } from '../engine/pipeline/open.ts'
import { type Bank, readBank } from './bank/bank.ts'
import { bankOf } from './bank/keep.ts'
import { type EncodedStory, encodeStory } from './encode.ts'
import { factsOf } from './model-facts.ts'
import { planStory, type StoryPlan } from './plan/plan.ts'
import { locate } from './references/locate.ts'
import type { PreparedReferences } from './references/references.ts'
import { type SampledImages, sampleFrames } from './sample-frames.ts'
import type { CharacterMasks } from './sharing/masks.ts'
import type { SharingMode } from './sharing/modes.ts'
import { type GenerateOptions, type StoryEvent, type StoryFrameResult, StoryRejected } from './types.ts'

/** In addition to the weights. More rows in a call make it no faster on a CPU. */
const usualCallBytes = 4 * 2 ** 30

export interface SampleOptions {
  /** What the rows of one UNet call may take, unless images that attend to each other need more. */
  readonly callBytes?: number
  /** Another way of sharing than the method's, to be compared with it. */
  readonly mode?: SharingMode
  /** References as whole pictures at every pixel, as an IP-Adapter without masks takes them; to be compared with. */
  readonly wholePictures?: boolean
  /** Called at the end of sampling with where the characters of each frame are, on the finest grid that is shared. */
  readonly onMasks?: ((masks: readonly CharacterMasks[], grid: Grid) => void) | undefined
  /** No warnings: they were given before. */
  readonly quiet?: boolean
}

/** A picture, and where each of the cast is in it, on the grid of the latents. */
interface MaskedPicture {
  readonly picture: Picture
  readonly masks: CharacterMasks
}

/** Frames whose latents are there. */
export interface SampledStory {
  /** Everybody who may be in the frames. */
  readonly cast: StoryRequest['characters']
  /** Of the latents, and of masks. */
  readonly grid: Grid
  readonly references: PreparedReferences | null
  /** What is left of the story; null where it depicts no character, or not all anchors were sampled. */
  readonly bank: Bank | null
  frame(index: number): Promise<StoryFrameResult>
  masks(index: number): CharacterMasks
  /** Pictures of the anchors that are none of the frames. */
  anchorPictures(): Promise<MaskedPicture[]>
  /** A frame that an earlier attempt finished; null for what is no picture of the story's size. */
  finishedFrame(index: number, png: Uint8Array): Promise<MaskedPicture | null>
}

/** The latents of `frames`, and of what they attend to. */
export async function* sampledStory(
  pipeline: Pipeline,
  { callBytes = usualCallBytes, mode, wholePictures, onMasks, quiet }: SampleOptions,
  request: StoryRequest,
  { seed, signal, pictures, bank: file }: GenerateOptions,
  frames: readonly number[],
): AsyncGenerator<StoryEvent, SampledStory> {
  const bank = file ? openBank(file) : null
  const plan = planStory({ request, seed, bank, model: factsOf(pipeline), mode })
  signal.throwIfAborted()
  if (plan.warnings.length > 0 && !quiet) yield { type: 'warnings', warnings: plan.warnings }
  yield { type: 'stage', stage: 'encoding_text' }
  const encoded = await encodeStory(pipeline, plan, { pictures, wholePictures, signal })
  signal.throwIfAborted()
  yield { type: 'stage', stage: 'sampling' }
  const sampled = yield* sampleFrames(pipeline, plan, encoded, { frames, callBytes, wholePictures, signal })
  if (sampled.synchronizer && onMasks) {
    const { shared, maps } = pipeline.denoiser.plan
    const finest = levelGrid(plan.grid, shared[0] ?? maps)
    onMasks(sampled.synchronizer.masks(finest).slice(0, request.frames.length), finest)
  }
  return readStory(pipeline, plan, encoded, sampled, { callBytes, signal })
}

function openBank(file: Uint8Array): Bank {
  try {
    return readBank(file)
  } catch (error) {
    throw error instanceof BankError ? new StoryRejected(`/bank: ${error.message}`, { cause: error }) : error
  }
}

function readStory(
  pipeline: Pipeline,
  plan: StoryPlan,
  { conditioning, anchors, references }: EncodedStory,
  { latents, synchronizer }: SampledImages,
  { callBytes, signal }: { callBytes: number; signal: AbortSignal },
): SampledStory {
  const { story, grid, images, imageOf, latentShape } = plan
  const { width, height } = plan.settings
  const { autoencoder } = pipeline
  const masks = synchronizer?.masks(grid) ?? []
  const latentOf = (image: number) =>
    images[image]!.isGiven ? anchors[image - story.frames.length]!.latent : latents.get(image)
  const decoded = async (data: Float32Array): Promise<Picture> => {
    const latent = { data, shape: [1, ...latentShape] }
    return { rgb: toRgb(await autoencoder.decode(latent, { mostBytes: callBytes, signal })), width, height }
  }
  return {
    ...{ cast: story.characters, grid, references },
    bank: synchronizer ? bankOf({ plan, model: factsOf(pipeline), anchors, references, latentOf, masks }) : null,
    async frame(index) {
      const image = imageOf[index]!
      return { index, ...(await decoded(latentOf(image)!)), seed: images[image]!.seed }
    },
    masks: (index) => masks[imageOf[index]!] ?? [],
    async anchorPictures() {
      const seen: MaskedPicture[] = []
      for (const [a, { latent, masks }] of anchors.entries())
        if (!imageOf.includes(story.frames.length + a)) seen.push({ picture: await decoded(latent), masks })
      return seen
    },
    async finishedFrame(index, png) {
      const picture = await readImage(png)
      if (picture.width !== width || picture.height !== height) return null
      const image = imageOf[index]!
      if (!synchronizer || images[image]!.isGiven || latents.has(image)) return { picture, masks: masks[image] ?? [] }
      const row = conditioning.conditional[image]!
      const words = { row, selector: synchronizer.selectors[image]!, groups: synchronizer.tokenGroups }
      return { picture, masks: await locate(pipeline, picture, { ...words, depicts: images[image]!.depicts, grid }) }
    },
  }
}
