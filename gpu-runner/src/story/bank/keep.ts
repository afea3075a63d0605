/** The bank that is left of a story: its anchors, those it began with first, and the identities of its cast. */
import { BANK_VERSION, type BankHeader } from '../../../../contract/bank.ts'
import { withIds } from '../../../../contract/prompts/segment.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { StoryPlan } from '../plan/plan.ts'
import type { PreparedReferences } from '../references/references.ts'
import type { CharacterMasks } from '../sharing/masks.ts'
import type { Bank } from './bank.ts'
import type { GivenImage } from './picture-anchor.ts'

export interface KeepOptions {
  readonly plan: StoryPlan
  readonly model: ModelFacts
  /** Of the plan's anchors. */
  readonly anchors: readonly GivenImage[]
  /** Of the story's cast, those of its bank first; null where there are none, or they are not used. */
  readonly references: PreparedReferences | null
  /** Of an image; undefined where it was not sampled. */
  readonly latentOf: (image: number) => Float32Array | undefined
  /** Of each image, by place in the story's cast, on the grid of the latents. */
  readonly masks: readonly CharacterMasks[]
}

/** Null where the story depicts no character, or not all of its anchors were sampled. */
export function bankOf({ plan, model, anchors, references, latentOf, masks }: KeepOptions): Bank | null {
  const { story, settings, images, bank, canRepeat } = plan
  const { characters } = story
  const kept = plan.anchors.map(({ header }, a) => ({ header, ...anchors[a]! }))
  for (const [f, { seed, generation, anchorFor, prompt }] of images.slice(0, story.frames.length).entries()) {
    if (!anchorFor.includes(true)) continue
    const latent = latentOf(f)
    if (!latent) return null
    const shows = characters.flatMap(({ id }, c) => (anchorFor[c] ? [id] : []))
    const header = { seed, generation, sampled: canRepeat, shows, prompt: withIds(prompt, characters) }
    kept.push({ header, latent, masks: masks[f]! })
  }
  if (kept.length === 0) return null
  const cast = castOf(plan, references)
  const places = cast.map(({ id }) => characters.findIndex((character) => character.id === id))
  return {
    header: {
      version: BANK_VERSION,
      model: bank?.header.model ?? { name: model.name, ...model.fingerprints() },
      settings: bank?.header.settings ?? settings,
      cast,
      anchors: kept.map(({ header }) => header),
    },
    latents: kept.map(({ latent }) => latent),
    latentShape: plan.latentShape,
    masks: kept.map(({ masks }) => places.map((place) => masks[place] ?? null)),
    identities: references?.tokens ?? bank?.identities ?? [],
    identityShape: bank?.identities.length ? bank.identityShape : (model.identityShape ?? [0, 0]),
  }
}

/** Those of the bank as they are there, then those that are new. */
function castOf({ story, bank }: StoryPlan, references: PreparedReferences | null): BankHeader['cast'] {
  const known = bank?.header.cast ?? []
  const added = story.characters.flatMap(({ id, name, description }, c) => {
    if (known.some((character) => character.id === id)) return []
    const { whole, regions } = references?.cast[c] ?? {}
    return [{ id, name, description, identity: whole && regions ? { whole, regions } : null }]
  })
  return [...known, ...added]
}
