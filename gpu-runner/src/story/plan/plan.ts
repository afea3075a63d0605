/**
 * A story planned: all that follows from the request, its bank and what is known of the model, before anything is
 * computed by it. The same request makes the same plan.
 */
import { type BankSettings, joinCast } from '../../../../contract/bank.ts'
import { castWarnings, sameNames } from '../../../../contract/frame-cast.ts'
import { modelWarnings } from '../../../../contract/model.ts'
import { LIMITS, type StoryRequest } from '../../../../contract/story.ts'
import type { Schedule } from '../../engine/diffusion/schedulers/index.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { Guidance } from '../../engine/pipeline/guided.ts'
import type { PromptIds } from '../../engine/pipeline/text-encoders.ts'
import type { Bank } from '../bank/bank.ts'
import type { ModelFacts } from '../model-facts.ts'
import { attendsTo } from '../sharing/amsa.ts'
import { type SharingMode, sharingRule } from '../sharing/modes.ts'
import { StoryRejected } from '../types.ts'
import { bankAnchors, type PlannedAnchor, pictureAnchors } from './anchors.ts'
import { type StoryImages, storyImages } from './images.ts'
import { inKnownWords } from './known-words.ts'
import { scheduleFor } from './schedule.ts'
import { matchOf, settingsOf } from './settings.ts'
import { imageTokens, textIds } from './tokens.ts'

export interface PlanInput {
  readonly request: StoryRequest
  /** Of the story, where the request leaves it open. */
  readonly seed: number
  readonly bank: Bank | null
  readonly model: ModelFacts
  /** How images attend to each other: 'amsa', the method itself, unless an evaluation compares it with another. */
  readonly mode?: SharingMode | undefined
}

export interface StoryPlan extends StoryImages {
  /** The request with everybody who may be in its frames, those of the bank included, and with the style that is used. */
  readonly story: StoryRequest
  readonly seed: number
  readonly settings: BankSettings
  readonly guidance: Guidance
  readonly schedule: Schedule
  /** Of the latents. */
  readonly grid: Grid
  /** [C,h,w] of one image. */
  readonly latentShape: readonly [number, number, number]
  /** That the story begins with. */
  readonly bank: Bank | null
  /** Whether the bank is of this very model, whose identities are then used. */
  readonly sameModel: boolean
  /** Whether what is sampled now can be sampled again from the story's bank: not where the bank has other settings. */
  readonly canRepeat: boolean
  /** Those of `images` that are no frames, in the same order. */
  readonly anchors: readonly PlannedAnchor[]
  /** What guidance leads away from: one for each image; null where the story has no negative prompt. */
  readonly negatives: readonly PromptIds[] | null
  readonly mode: SharingMode
  /** For each image the images that it attends to, and that are sampled with it. */
  readonly attendsTo: readonly (readonly number[])[]
  /** What is likely not as it was meant, each behind a JSON pointer: about the cast, and about what the model can do. */
  readonly warnings: readonly string[]
}

/** Throws `StoryRejected` for what the model, or the bank, does not allow. */
export function planStory({ request, seed, bank, model, mode: asked = 'amsa' }: PlanInput): StoryPlan {
  const settings = settingsOf(request, bank?.header ?? null, model)
  const grid = { width: settings.width / model.factor, height: settings.height / model.factor }
  const schedule = scheduleFor(model.scheduler, settings.scheduler, settings.steps)
  const match = bank && matchOf(bank.header, settings, model)
  const latentShape = [model.latentChannels, grid.height, grid.width] as const
  if (bank && String(bank.latentShape) !== String(latentShape))
    throw new StoryRejected(`/bank: its latents are [${bank.latentShape}], not [${latentShape}]`)
  const { tokenizers, identityShape } = model
  const sameModel = match?.model ?? false
  const usesIdentities = sameModel && settings.injector > 0
  if (bank?.identities.length && usesIdentities && String(bank.identityShape) !== String(identityShape))
    throw new StoryRejected(`/bank: its identities are [${bank.identityShape}], not as this model has them`)
  const characters = castOf(request, bank)
  const story = { ...request, characters, style: settings.style }

  const generation = bank ? 1 + Math.max(...bank.header.anchors.map((anchor) => anchor.generation)) : 0
  const anchors = [
    ...(bank ? bankAnchors(bank.header, characters, match!.repeat) : []),
    ...pictureAnchors(story, { seed, generation }),
  ]
  const byColumn = settings.layout === 'columns'
  const reading = { syntax: settings.prompt_syntax, room: model.abilities.prompt_tokens }
  const { images, imageOf } = storyImages(story, {
    ...{ seed, generation, anchors },
    tokensOf: (prompt) =>
      imageTokens(model.captions ? inKnownWords(prompt, model.captions) : prompt, {
        ...{ cast: characters.length, byColumn, reading, tokenizers },
      }),
  })
  const { negative_prompt: negative } = settings
  const mode = settings.synchronizer > 0 ? asked : 'none'
  const rule = { images: images.length, seed, steps: schedule.timesteps.length }
  return {
    ...{ story, seed, settings, schedule, grid, latentShape, bank, sameModel, anchors, images, imageOf, mode },
    guidance: {
      scale: settings.guidance_scale,
      rescale: settings.guidance_rescale,
      interval: settings.guidance_interval,
    },
    canRepeat: match?.repeat ?? true,
    negatives: negative ? images.map(() => textIds(negative, tokenizers, reading)) : null,
    attendsTo: mode === 'amsa' ? attendsTo(images) : sharingRule(mode, rule).attendsTo,
    warnings: [
      ...castWarnings({ ...story, bank }),
      ...modelWarnings(model, story, (word) => tokenizers[0]!.encode(word).length),
    ],
  }
}

/** Who may be in the frames: declared, or known to the bank. */
function castOf({ characters }: StoryRequest, bank: Bank | null): StoryRequest['characters'] {
  if (!bank) return characters
  const cast = joinCast(characters, bank.header.cast)
  const [twice] = sameNames(cast.map(({ name }) => name))
  if (twice !== undefined) throw new StoryRejected(`/bank: another character is called ${cast[twice]!.name}`)
  if (cast.length > LIMITS.characters)
    throw new StoryRejected(
      `/bank: ${cast.length} characters with those of the bank (${bank.header.cast.map(({ id }) => id).join(', ')}); at most ${LIMITS.characters}`,
    )
  return cast
}
