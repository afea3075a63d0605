/** How a story is sampled: what it says, then what its bank says, then what its model is used to. */

import { isDeepStrictEqual } from 'node:util'
import type { BankHeader, BankSettings } from '../../../../contract/bank.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { StoryRejected } from '../types.ts'

/**
 * Steps, guidance and its interval by what a model was trained for: a rectified flow, SD or SDXL. The last quarter of a
 * flow's steps goes unguided: guidance there only roughens what is drawn already (docs/evaluation.md, "Sampling").
 */
const defaults = {
  flow: { steps: 20, guidance: 3, interval: [0, 0.75] },
  sd: { steps: 25, guidance: 7.5, interval: [0, 1] },
  sdxl: { steps: 25, guidance: 5, interval: [0, 1] },
} satisfies Record<string, { steps: number; guidance: number; interval: BankSettings['guidance_interval'] }>

/** Pictures with sides beyond this many times those a model was trained on are no pictures any more. */
const maxScale = 2

export function settingsOf(request: StoryRequest, bank: BankHeader | null, pipeline: Pipeline): BankSettings {
  const { scheduler, kind, size, text, name, denoiser } = pipeline
  const isFlow = '_class_name' in scheduler && String(scheduler._class_name).startsWith('FlowMatch')
  const usual = defaults[isFlow ? 'flow' : kind]
  const its = bank?.settings
  const { layout, synchronizer, leak_guard, injector, regions } = request.consistency
  const settings: BankSettings = {
    width: request.width ?? its?.width ?? size,
    height: request.height ?? its?.height ?? size,
    steps: request.steps ?? its?.steps ?? usual.steps,
    scheduler: request.scheduler ?? its?.scheduler ?? null,
    guidance_scale: request.guidance_scale ?? its?.guidance_scale ?? usual.guidance,
    guidance_rescale: request.guidance_rescale ?? its?.guidance_rescale ?? 0,
    guidance_interval: request.guidance_interval ?? its?.guidance_interval ?? usual.interval,
    unconditional: 'alone',
    clip_skip: request.clip_skip ?? its?.clip_skip ?? 0,
    negative_prompt: request.negative_prompt ?? its?.negative_prompt ?? null,
    style: request.style ?? its?.style ?? null,
    layout: layout ?? its?.layout ?? denoiser.config.promptLayout,
    synchronizer: synchronizer ?? its?.synchronizer ?? 1,
    leak_guard: leak_guard ?? its?.leak_guard ?? true,
    injector: injector ?? its?.injector ?? 1,
    regions: regions ?? its?.regions ?? true,
  }
  if (its && (settings.width !== its.width || settings.height !== its.height))
    throw new StoryRejected(
      `/bank: its frames are ${its.width}×${its.height}; the story's have to be, and not ${settings.width}×${settings.height}`,
    )
  if (settings.clip_skip > text.layers)
    throw new StoryRejected(
      `clip_skip ${settings.clip_skip}: the text encoder of ${name} has ${text.layers} layers to skip`,
    )
  return settings
}

export interface BankMatch {
  /** The bank is of this very model, LoRA files and all. */
  readonly model: boolean
  /** Anchors that were sampled for it can be sampled again, to the same latents: its settings are the story's, too. */
  readonly repeat: boolean
}

/** Throws `StoryRejected` for a bank whose latents mean nothing to this model. */
export function matchOf(
  { model: made, settings: its }: BankHeader,
  settings: BankSettings,
  pipeline: Pipeline,
): BankMatch {
  const { denoiser, autoencoder } = pipeline.fingerprints()
  if (made.autoencoder !== autoencoder)
    throw new StoryRejected(`/bank: was made by ${made.name}, and this ${pipeline.name} has other latents`)
  const model = made.denoiser === denoiser
  // The style is in the prompts of the anchors.
  return { model, repeat: model && isDeepStrictEqual({ ...its, style: null }, { ...settings, style: null }) }
}

export function gridOf({ width, height }: BankSettings, { name, size, autoencoder: { factor } }: Pipeline): Grid {
  const largest = maxScale * size
  if (Math.max(width, height) > largest)
    throw new StoryRejected(`${width}×${height} is too large; ${name} draws up to ${largest}×${largest}`)
  if (width % factor !== 0 || height % factor !== 0)
    throw new StoryRejected(`${width}×${height}: ${name} draws sides that are multiples of ${factor}`)
  return { width: width / factor, height: height / factor }
}
