/** Where the parts of a model come from: a folder in diffusers layout, or one file that holds them all. */
import type { z } from 'zod'
import type { Checkpoint } from '../io/safetensors.ts'
import type { Tokenizer } from '../io/tokenizer.ts'
import type { ModelVocabulary } from './vocabulary.ts'

/** What is given is not a model that can be opened here. The message names the file and what is wrong. */
export class ModelError extends Error {
  override name = 'ModelError'
}

/** 'sd' is Stable Diffusion 1 and 2 and what shares their layout, story-mini among them. */
export type ModelKind = 'sd' | 'sdxl'

/** One network: its configuration, and its tensors under the names of diffusers and transformers. */
export interface ModelPart {
  /** What errors name: its folder, or the file that it is in. */
  readonly path: string
  /** Throws `ModelError` for a configuration that `schema` does not accept. */
  config<T>(schema: z.ZodType<T>): T
  checkpoint(): Checkpoint
}

export type PartName = 'unet' | 'vae' | 'text_encoder' | 'text_encoder_2'

export interface ModelSource {
  readonly path: string
  readonly name: string
  readonly kind: ModelKind
  /** SDXL: without a negative prompt, the unconditional embeddings are zeros instead of those of the empty prompt. */
  readonly zerosForEmptyPrompt: boolean
  /** The words it was trained on; null where it may know any. */
  readonly vocabulary: ModelVocabulary | null
  part(name: PartName): ModelPart
  /** Of the text encoder `place`, from 0. */
  tokenizer(place: number): Tokenizer
  /** A scheduler_config.json, parsed; `path` is the file that errors name. */
  readonly scheduler: { readonly path: string; read(): object }
  /** The path of a file or folder that may lie with the model, such as an adapter. */
  beside(name: string): string
}
