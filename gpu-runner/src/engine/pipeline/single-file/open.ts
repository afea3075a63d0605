/**
 * A model of one file, in the layout of the first implementation: Stable Diffusion 1.x, 2.x, SDXL and what was trained
 * from them. Its tensors are read where they are, under other names.
 */
import { basename, dirname, join } from 'node:path'
import type { z } from 'zod'
import { clipTokenizer } from '../../io/clip-vocabulary.ts'
import { ConfigError, parseConfig } from '../../io/config.ts'
import type { Checkpoint } from '../../io/safetensors.ts'
import { readTokenizer, TokenizerError } from '../../io/tokenizer.ts'
import type { Family } from '../../models/ldm-config.ts'
import { ModelError, type ModelPart, type ModelSource, type PartName } from '../source.ts'
import { familyOf, openAs } from './contents.ts'
import { type SeenPart, seePart } from './layout.ts'
import { note } from './notes.ts'
import { predictionOf, schedulerFor } from './prediction.ts'

export function openSingleFile(path: string): ModelSource {
  const file = openAs(path, 'model')
  const family = familyOf(file)
  const parts = new Map<PartName, ModelPart>()
  const stated = note(file, 'model_index') as { force_zeros_for_empty_prompt?: unknown } | undefined
  return {
    path,
    name: basename(path).replace(/\.safetensors$/, ''),
    kind: family === 'sdxl' ? 'sdxl' : 'sd',
    zerosForEmptyPrompt: family === 'sdxl' && stated?.force_zeros_for_empty_prompt !== false,
    vocabulary: null,
    part(name) {
      const made = parts.get(name) ?? partOf(file, family, name)
      parts.set(name, made)
      return made
    },
    tokenizer: (place) => tokenizerOf(file, family, place),
    scheduler: { path, read: () => note(file, 'scheduler') ?? schedulerFor(predictionOf(file, family)) },
    beside: (name) => join(dirname(path), name),
  }
}

function partOf(file: Checkpoint, family: Family, name: PartName): ModelPart {
  const { path } = file
  const seen = seePart(file, family, name)
  if (!seen) {
    const hint = name === 'vae' ? '; --vae gives it one' : ''
    throw new ModelError(`${path} holds no ${name}${hint}`)
  }
  const sizes = name === 'unet' ? sampleSize(file, family) : {}
  return seenPart(path, { ...seen, config: { ...seen.config, ...sizes, ...note(file, name) } })
}

/** The side it was trained at, in latent pixels of 8: stated, or that of the 768 models of SD 2, which predict v. */
function sampleSize(file: Checkpoint, family: Family): object {
  const [, width] = /^(\d{3,4})x\d{3,4}$/.exec(file.metadata['modelspec.resolution'] ?? '') ?? []
  if (width !== undefined && Number(width) % 64 === 0) return { sample_size: Number(width) / 8 }
  return family === 'sd2' && predictionOf(file, family).type === 'v_prediction' ? { sample_size: 96 } : {}
}

export function seenPart(path: string, { checkpoint, config }: SeenPart): ModelPart {
  return {
    path,
    checkpoint: () => checkpoint,
    config<T>(schema: z.ZodType<T>): T {
      try {
        return parseConfig(path, config, (json) => schema.parse(json))
      } catch (error) {
        throw error instanceof ConfigError ? new ModelError(error.message, { cause: error }) : error
      }
    },
  }
}

/** CLIP's, unless the file brings its own, as `npm run convert` notes it. */
function tokenizerOf(file: Checkpoint, family: Family, place: number) {
  const own = note(file, place === 0 ? 'tokenizer' : `tokenizer_${place + 1}`)
  if (!own) return clipTokenizer(family === 'sd1' || (family === 'sdxl' && place === 0) ? 'end' : '!')
  const texts = own as Record<string, unknown>
  return readTokenizer({
    path: `${file.path}: the tokenizer in its metadata`,
    has: (name) => typeof texts[name] === 'string',
    text(name) {
      const text = texts[name]
      if (typeof text === 'string') return text
      throw new TokenizerError(`${file.path}: the tokenizer in its metadata lacks ${name}`)
    },
  })
}
