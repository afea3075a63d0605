/** What planning a story needs to know of an open model: plain data, so that plans are made and tested without one. */
import type { Model, ModelAbilities } from '../../../contract/model.ts'
import type { Tokenizer } from '../engine/io/tokenizer.ts'
import type { Fingerprints } from '../engine/pipeline/fingerprint.ts'
import type { Pipeline } from '../engine/pipeline/open.ts'
import type { CaptionWords } from '../engine/pipeline/vocabulary.ts'
import { isFlow, schedulersFor } from './plan/schedule.ts'

export interface ModelFacts extends Model {
  /** What it was trained as: a rectified flow, or a noise schedule of SD or SDXL. */
  readonly kind: 'flow' | 'sd' | 'sdxl'
  /** Its scheduler_config.json. */
  readonly scheduler: object
  /** To put prompts into words that it knows; null where it may know any. */
  readonly captions: CaptionWords | null
  /** Of a model of few steps; null for all others. */
  readonly preset: { readonly steps: number; readonly guidance: number } | null
  /** One for each text encoder. */
  readonly tokenizers: readonly Tokenizer[]
  readonly latentChannels: number
  /** Pixels along a side of one latent pixel. */
  readonly factor: number
  /** [T,X] of the tokens that a reference picture becomes; null where the model reads none. */
  readonly identityShape: readonly [number, number] | null
  fingerprints(): Fingerprints
}

export function factsOf(pipeline: Pipeline): ModelFacts {
  const { name, kind, scheduler, preset, text, autoencoder, identity } = pipeline
  return {
    name,
    abilities: abilitiesOf(pipeline),
    kind: isFlow(scheduler) ? 'flow' : kind,
    scheduler,
    preset,
    captions: pipeline.vocabulary?.captions ?? null,
    tokenizers: text.tokenizers,
    latentChannels: autoencoder.latentChannels,
    factor: autoencoder.factor,
    identityShape: identity && [identity.tokens, identity.width],
    fingerprints: () => pipeline.fingerprints(),
  }
}

/** Pictures with sides beyond this many times those a model was trained on turn out unusable. */
const maxScale = 2

/** Of a prompt: more than its longest texts need. */
const mostChunks = 8

/** In the words of the wire. */
export function abilitiesOf(pipeline: Pipeline): ModelAbilities {
  const { size, scheduler, text, denoiser, autoencoder, identity, vocabulary } = pipeline
  return {
    size: { width: size, height: size },
    largest_side: maxScale * size,
    side_multiple: autoencoder.factor,
    schedulers: schedulersFor(scheduler),
    clip_skip: text.layers,
    references: identity !== null,
    sharing: denoiser.plan.shared.length > 0,
    scores: identity?.calibration != null,
    layout: denoiser.config.promptLayout,
    // Without begin and end. Chunks are for encoders that were trained on any words: others never saw such a prompt.
    prompt_tokens: (vocabulary ? 1 : mostChunks) * (text.length - 2),
    vocabulary: vocabulary && [...vocabulary.known],
    stand_ins: vocabulary?.standIns,
  }
}
