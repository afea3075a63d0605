/** What a story model is to everything above it: a request in, stages, steps and finished frames out. */
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import type { ModelAbilities } from '../../../contract/model.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Device } from '../engine/runtime/device.ts'

/** One finished picture: `rgb` is height × width × 3 bytes, row by row, and belongs to whoever received it. */
export interface StoryFrameResult {
  index: number
  rgb: Uint8Array
  width: number
  height: number
  seed: number
}

export type StoryEvent =
  /** What the model will make less of than the story may expect; first, where there is any. */
  | { type: 'warnings'; warnings: readonly string[] }
  | { type: 'stage'; stage: 'loading_model' | 'encoding_text' | 'sampling' | 'decoding' }
  | { type: 'step'; step: number; steps: number }
  /** What later frames need to keep the characters; before the first frame, unless an earlier attempt has had it. */
  | { type: 'bank'; bytes: Uint8Array<ArrayBuffer> }
  /** How consistent the story is, and a PNG that shows it; before its last frame, so that no finished story lacks it. */
  | { type: 'report'; report: ConsistencyReport; sheet: Uint8Array<ArrayBuffer> }
  | { type: 'frame'; frame: StoryFrameResult }

export interface GenerateOptions {
  seed: number
  /** Aborting ends the generator at the next step; whether it returns or throws then is the model's choice. */
  signal: AbortSignal
  /** Frames that are already finished: sampled only as far as the others need them, and not yielded. */
  skip?: ReadonlySet<number>
  /** Pictures of those frames, as PNG: the report is about them too. */
  finished?: Readonly<Record<number, Uint8Array>>
  /** Bytes of the pictures that the request names by URL or hash. */
  pictures?: Readonly<Record<string, Uint8Array>>
  /** The character bank that the request names, or that goes before it. */
  bank?: Uint8Array | undefined
}

export interface StoryModel {
  name: string
  abilities: ModelAbilities
  generate(request: StoryRequest, options: GenerateOptions): AsyncGenerator<StoryEvent>
  close(): Promise<void>
}

/** A module whose `openStoryModel` opens the model in `folder`; `story/open.ts` is the real one. */
export interface StoryModelModule {
  openStoryModel(options: OpenStoryOptions): Promise<StoryModel>
}

export interface OpenStoryOptions {
  folder: string
  device: Device
  /** Files whose changes are added to the model's weights. */
  loras?: readonly { path: string; scale: number }[]
}

/** The story itself cannot be told by this model, however often it is tried: an unknown scheduler, a size too large. */
export class StoryRejected extends Error {
  override name = 'StoryRejected'
}
