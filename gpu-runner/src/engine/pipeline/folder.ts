/** A model folder in diffusers layout: what kind of model it says it is, and where its parts are. */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { readSchedulerConfig } from '../diffusion/schedulers/index.ts'
import { ConfigError, readConfig } from '../io/config.ts'
import { type Checkpoint, openCheckpoint } from '../io/safetensors.ts'
import { openTokenizer } from '../io/tokenizer.ts'
import { ModelError, type ModelKind, type ModelPart, type ModelSource } from './source.ts'
import { VocabularyFile, vocabularyOf } from './vocabulary.ts'

const kinds: Readonly<Record<string, ModelKind>> = {
  StableDiffusionPipeline: 'sd',
  StableDiffusionXLPipeline: 'sdxl',
}

const parts: Readonly<Record<ModelKind, readonly string[]>> = {
  sd: ['unet', 'vae', 'text_encoder', 'tokenizer', 'scheduler'],
  sdxl: ['unet', 'vae', 'text_encoder', 'text_encoder_2', 'tokenizer', 'tokenizer_2', 'scheduler'],
}

/** Classes that a part may have. Parts that are not listed are checked by their own readers. */
const classes: Readonly<Record<string, readonly string[]>> = {
  unet: ['UNet2DConditionModel'],
  vae: ['AutoencoderKL', 'AutoencoderTiny'],
  text_encoder: ['CLIPTextModel', 'CLIPTextModelWithProjection'],
  text_encoder_2: ['CLIPTextModelWithProjection'],
}

const ModelIndex = z.looseObject({
  _class_name: z.string(),
  force_zeros_for_empty_prompt: z.boolean().default(true),
})

/** Check what `folder` is before anything is loaded. The safety checker and the feature extractor are not read. */
export function openModelFolder(folder: string): ModelSource {
  const path = join(folder, 'model_index.json')
  const index = parseFile(ModelIndex, path)
  const kind = Object.hasOwn(kinds, index._class_name) ? kinds[index._class_name] : undefined
  if (!kind)
    throw new ModelError(`${path}: '${index._class_name}' is no known model; ${Object.keys(kinds).join(' and ')} are`)
  for (const part of parts[kind]) {
    if (!existsSync(join(folder, part))) throw new ModelError(`${folder} lacks the folder '${part}'`)
    const entry = z.tuple([z.string(), z.string()]).safeParse(index[part])
    const allowed = classes[part]
    if (entry.success && allowed && !allowed.includes(entry.data[1]))
      throw new ModelError(`${path}: '${entry.data[1]}' is no known ${part}; ${allowed.join(' and ')} are`)
  }
  const vocabulary = join(folder, 'vocabulary.json')
  return {
    path: folder,
    name: basename(resolve(folder)),
    kind,
    zerosForEmptyPrompt: kind === 'sdxl' && index.force_zeros_for_empty_prompt,
    vocabulary: existsSync(vocabulary) ? vocabularyOf(parseFile(VocabularyFile, vocabulary)) : null,
    part: (name) => folderPart(join(folder, name)),
    tokenizer: (place) => openTokenizer(join(folder, place === 0 ? 'tokenizer' : `tokenizer_${place + 1}`)),
    scheduler: {
      path: join(folder, 'scheduler/scheduler_config.json'),
      read: () => readSchedulerConfig(join(folder, 'scheduler')),
    },
    beside: (name) => join(folder, name),
  }
}

/** The network in `folder`, with a `config.json`. */
export function folderPart(folder: string): ModelPart {
  return {
    path: folder,
    config: (schema) => parseFile(schema, join(folder, 'config.json')),
    checkpoint: () => partCheckpoint(folder),
  }
}

const variants = ['', '.fp16', '.bf16']

/**
 * The tensors of a part: `<base>.safetensors` or its shards, else the same of a half-precision variant
 * (`<base>.fp16.safetensors`).
 */
export function partCheckpoint(folder: string): Checkpoint {
  const bases = ['diffusion_pytorch_model', 'model']
  for (const base of bases)
    for (const variant of variants) {
      const file = `${base}${variant}.safetensors`
      // Shards of a variant are listed under either name, by the version that saved them.
      const indices = [`${file}.index.json`, `${base}.safetensors.index${variant}.json`]
      const index = indices.find((name) => existsSync(join(folder, name)))
      if (existsSync(join(folder, file)) || index) return openCheckpoint(folder, `${base}${variant}`, index)
    }
  throw new ModelError(
    `${folder} has no weights: neither ${bases.join(' nor ')}, each with .safetensors or .fp16.safetensors` +
      '; .bin files must be saved as safetensors first',
  )
}

function parseFile<T>(schema: z.ZodType<T>, path: string): T {
  try {
    return readConfig(path, (json) => schema.parse(json))
  } catch (error) {
    throw error instanceof ConfigError ? new ModelError(error.message, { cause: error }) : error
  }
}
