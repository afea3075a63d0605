/** A plan's words and pictures as the UNet takes them: text embeddings, identities of references, latents of anchors. */
import type { StoryRequest } from '../../../contract/story.ts'
import { type Conditioning, encodeConditioning } from '../engine/pipeline/conditioning.ts'
import { isGuided } from '../engine/pipeline/guided.ts'
import type { Pipeline } from '../engine/pipeline/open.ts'
import type { Bank } from './bank/bank.ts'
import { joinIdentities } from './bank/identities.ts'
import { encodeAnchorPicture, type GivenImage } from './bank/picture-anchor.ts'
import type { PlannedAnchor } from './plan/anchors.ts'
import type { StoryPlan } from './plan/plan.ts'
import { type PreparedReferences, prepareReferences } from './references/references.ts'

export interface EncodeOptions {
  /** Bytes of the pictures that the request names by URL or hash. */
  readonly pictures?: Readonly<Record<string, Uint8Array>> | undefined
  /** References as whole pictures, with their backgrounds; to be compared with. */
  readonly wholePictures?: boolean | undefined
  readonly signal: AbortSignal
}

export interface EncodedStory {
  /** A row for each image. */
  readonly conditioning: Conditioning
  /** Of each anchor of the plan. */
  readonly anchors: readonly GivenImage[]
  /** Null where no character has references, the model cannot read them, or the story turns them off. */
  readonly references: PreparedReferences | null
}

/** Throws `StoryRejected` for what is no picture. */
export async function encodeStory(pipeline: Pipeline, plan: StoryPlan, options: EncodeOptions): Promise<EncodedStory> {
  const { images, negatives, settings, guidance } = plan
  const anchors: GivenImage[] = []
  for (const anchor of plan.anchors) anchors.push(await encodeAnchor(pipeline, plan, anchor, options))
  const conditioning = await encodeConditioning(pipeline, {
    prompts: images.map(({ ids }) => ids),
    regionalPrompts: images.map(({ regional }) => regional?.map(({ ids }) => ids) ?? null),
    negatives: isGuided(guidance) ? negatives : undefined,
    clipSkip: settings.clip_skip,
    size: [settings.height, settings.width],
  })
  const references = settings.injector > 0 ? await referencesOf(pipeline, plan, options) : null
  return { conditioning, anchors, references }
}

async function encodeAnchor(
  pipeline: Pipeline,
  { story, bank, grid, settings }: StoryPlan,
  { source }: PlannedAnchor,
  { pictures, signal }: EncodeOptions,
): Promise<GivenImage> {
  signal.throwIfAborted()
  const { characters: cast } = story
  if (source.type === 'picture') return encodeAnchorPicture(pipeline, source, { cast, pictures, grid, size: settings })
  const { header, latents, masks } = bank!
  const own = cast.map(({ id }) => masks[source.place]![header.cast.findIndex((one) => one.id === id)] ?? null)
  return { latent: latents[source.place]!, masks: own }
}

/** The identities of the cast. A character of the bank keeps its identity there, whatever references it has now. */
async function referencesOf(
  pipeline: Pipeline,
  { story, settings, bank, sameModel }: StoryPlan,
  { pictures, wholePictures, signal }: EncodeOptions,
): Promise<PreparedReferences | null> {
  const { characters } = story
  const usable = sameModel ? bank : null
  const shown = { pictures, regions: settings.regions, uncut: wholePictures, signal }
  const added = await prepareReferences(pipeline, { characters: withoutKnown(characters, usable) }, shown)
  return joinIdentities(usable, characters, added)
}

function withoutKnown(characters: StoryRequest['characters'], bank: Bank | null): StoryRequest['characters'] {
  const isKnown = (id: string) => bank?.header.cast.some((character) => character.id === id)
  return characters.map((one) => (isKnown(one.id) ? { ...one, references: undefined } : one))
}
