/** How a story is sampled: what it says, then what its bank says, then what its model is used to. */

import { isDeepStrictEqual } from 'node:util'
import type { BankHeader, BankSettings } from '../../../../contract/bank.ts'
import { impossibleFor } from '../../../../contract/model.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import type { ModelFacts } from '../model-facts.ts'
import { StoryRejected } from '../types.ts'

/**
 * Steps, guidance and its interval by what a model was trained for: a rectified flow, SD or SDXL. The last quarter of a
 * flow's steps goes unguided: guidance there only roughens what is there already (docs/evaluation.md, "Sampling").
 */
const defaults = {
  flow: { steps: 20, guidance: 3, interval: [0, 0.75] },
  sd: { steps: 25, guidance: 7.5, interval: [0, 1] },
  sdxl: { steps: 25, guidance: 5, interval: [0, 1] },
} satisfies Record<string, { steps: number; guidance: number; interval: BankSettings['guidance_interval'] }>

/** Throws `StoryRejected` for what the model cannot do at all, and for a size that is not the bank's. */
export function settingsOf(request: StoryRequest, bank: BankHeader | null, model: ModelFacts): BankSettings {
  const usual = { ...defaults[model.kind], ...model.preset }
  const { size, layout: trainedLayout } = model.abilities
  const its = bank?.settings
  const { layout, synchronizer, leak_guard, injector, regions } = request.consistency
  const settings: BankSettings = {
    width: request.width ?? its?.width ?? size.width,
    height: request.height ?? its?.height ?? size.height,
    steps: request.steps ?? its?.steps ?? usual.steps,
    scheduler: request.scheduler ?? its?.scheduler ?? null,
    guidance_scale: request.guidance_scale ?? its?.guidance_scale ?? usual.guidance,
    guidance_rescale: request.guidance_rescale ?? its?.guidance_rescale ?? 0,
    guidance_interval: request.guidance_interval ?? its?.guidance_interval ?? usual.interval,
    unconditional: 'alone',
    clip_skip: request.clip_skip ?? its?.clip_skip ?? 0,
    negative_prompt: request.negative_prompt ?? its?.negative_prompt ?? null,
    style: request.style ?? its?.style ?? null,
    prompt_syntax: request.prompt_syntax,
    layout: layout ?? its?.layout ?? trainedLayout,
    synchronizer: synchronizer ?? its?.synchronizer ?? 1,
    leak_guard: leak_guard ?? its?.leak_guard ?? true,
    injector: injector ?? its?.injector ?? 1,
    regions: regions ?? its?.regions ?? true,
  }
  if (its && (settings.width !== its.width || settings.height !== its.height))
    throw new StoryRejected(
      `/bank: its frames are ${its.width}×${its.height}; the story's have to be, and not ${settings.width}×${settings.height}`,
    )
  const [impossible] = impossibleFor(model, settings)
  if (impossible) throw new StoryRejected(impossible.message)
  return settings
}

export interface BankMatch {
  /** The bank is of this very model, LoRA files and all. */
  readonly model: boolean
  /** Anchors that were sampled for it can be sampled again, to the same latents: its settings are the story's, too. */
  readonly repeat: boolean
}

/** Throws `StoryRejected` for a bank whose latents mean nothing to this model. */
export function matchOf(bank: BankHeader, settings: BankSettings, { name, fingerprints }: ModelFacts): BankMatch {
  const { denoiser, autoencoder } = fingerprints()
  if (bank.model.autoencoder !== autoencoder)
    throw new StoryRejected(`/bank: was made by ${bank.model.name}, and this ${name} has other latents`)
  const model = bank.model.denoiser === denoiser
  // The style is in the prompts of the anchors.
  const sameSettings = isDeepStrictEqual({ ...bank.settings, style: null }, { ...settings, style: null })
  return { model, repeat: model && sameSettings }
}
