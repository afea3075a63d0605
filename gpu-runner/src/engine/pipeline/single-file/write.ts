/** A model folder written as one file in the layout of the first implementation: the way back of `layout.ts`. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { clipTokenizer, type Padding } from '../../io/clip-vocabulary.ts'
import {
  type Checkpoint,
  filesCheckpoint,
  type NewTensor,
  type TensorInfo,
  writeSafetensors,
} from '../../io/safetensors.ts'
import { AutoencoderConfig } from '../../models/autoencoder-kl.ts'
import { ClipTextConfig } from '../../models/clip-text.ts'
import type { Family } from '../../models/ldm-config.ts'
import { parseUNetConfig } from '../../models/unet-config.ts'
import { autoencoderNames, openClipNames, toLdm, unetNames } from '../../nn/ldm-names.ts'
import { openModelFolder } from '../folder.ts'
import { ModelError, type ModelSource, type PartName } from '../source.ts'
import { encoderNames } from '../text-encoders.ts'
import { prefixes, seePart } from './layout.ts'
import { noted } from './notes.ts'
import { schedulerFor } from './prediction.ts'

type Tensors = Record<string, NewTensor>

const UNetConfig = z.unknown().transform(parseUNetConfig)
const readers: Readonly<Record<PartName, (json: unknown) => unknown>> = {
  unet: parseUNetConfig,
  vae: (json) => AutoencoderConfig.parse(json),
  text_encoder: (json) => ClipTextConfig.parse(json),
  text_encoder_2: (json) => ClipTextConfig.parse(json),
}

/**
 * Write the model in `folder` to the file `out`, byte for byte but for the order. What the layout cannot tell, such as
 * sizes that no published model has, or another tokenizer than CLIP's, goes into the metadata. Throws `ModelError` for
 * models that the layout is not made for.
 */
export function writeSingleFile(folder: string, out: string): void {
  const source = openModelFolder(folder)
  const family = familyOf(source)
  const parts: readonly PartName[] = ['unet', 'vae', ...encoderNames(source.kind)]
  const tensors: Tensors = {}
  for (const name of parts) {
    const [prefix] = prefixes[family][name]!
    for (const [own, tensor] of Object.entries(writtenAs(source, family, name))) tensors[prefix + own] = tensor
  }
  const scheduler = source.scheduler.read() as { prediction_type?: string }
  const notes = {
    ...configNotes(source, family, { parts, tensors }),
    ...tokenizerNotes(folder, family),
    ...(!source.zerosForEmptyPrompt && family === 'sdxl' && { model_index: { force_zeros_for_empty_prompt: false } }),
    ...(!isDeepStrictEqual(scheduler, schedulerFor({ type: 'epsilon', zeroSnr: false })) && { scheduler }),
  }
  writeSafetensors(out, tensors, {
    'modelspec.architecture': architectures[family],
    'modelspec.title': source.name,
    'modelspec.prediction_type': scheduler.prediction_type === 'v_prediction' ? 'v' : 'epsilon',
    ...noted(notes),
  })
}

/** In the words of Stability's model specification. */
const architectures: Readonly<Record<Family, string>> = {
  sd1: 'stable-diffusion-v1',
  sd2: 'stable-diffusion-v2-512',
  sdxl: 'stable-diffusion-xl-v1-base',
}

/** SD 2 took another text encoder than SD 1, with another activation. */
function familyOf(source: ModelSource): Family {
  const { _class_name: autoencoder } = source.part('vae').config(z.looseObject({ _class_name: z.string() }))
  if (autoencoder !== 'AutoencoderKL')
    throw new ModelError(`${source.path}: the layout of one file has no place for an ${autoencoder}`)
  if (source.kind === 'sdxl') return 'sdxl'
  return source.part('text_encoder').config(ClipTextConfig).activation === 'gelu' ? 'sd2' : 'sd1'
}

function writtenAs(source: ModelSource, family: Family, name: PartName): Tensors {
  const part = source.part(name)
  const file = part.checkpoint()
  switch (name) {
    case 'unet': {
      const { channels, layersPerBlock, upAttention } = part.config(UNetConfig)
      return renamed(
        file,
        toLdm(unetNames({ levels: channels.length, layersPerBlock, upAttention: (i) => upAttention[i] === true })),
      )
    }
    case 'vae':
      return autoencoderTensors(file, part.config(AutoencoderConfig))
    case 'text_encoder':
      return family === 'sd2' ? openClipTensors(file) : renamed(file, (own) => own)
    case 'text_encoder_2':
      return openClipTensors(file)
  }
}

const stored = (file: Checkpoint, name: string, shape?: readonly number[]): NewTensor => {
  const info = file.tensors.get(name)!
  return { dtype: info.dtype, shape: shape ?? info.shape, data: late(() => [file.bytes(name)]) }
}

/** Bytes that are read when they are written, so that no model has to fit into memory. */
function late(read: () => Iterable<Uint8Array>): Iterable<Uint8Array> {
  return { [Symbol.iterator]: () => read()[Symbol.iterator]() }
}

const renamed = (file: Checkpoint, rename: (name: string) => string): Tensors =>
  Object.fromEntries([...file.tensors.keys()].map((name) => [rename(name), stored(file, name)]))

/** Older files of diffusers call the projections of the attention otherwise. */
const legacy: readonly (readonly [RegExp, string])[] = [
  [/\.query\./, '.to_q.'],
  [/\.key\./, '.to_k.'],
  [/\.value\./, '.to_v.'],
  [/\.proj_attn\./, '.to_out.0.'],
]

function autoencoderTensors(file: Checkpoint, { channels, layersPerBlock }: AutoencoderConfig): Tensors {
  const rename = toLdm(autoencoderNames({ levels: channels.length, layersPerBlock }))
  const tensors: Tensors = {}
  for (const [name, { shape }] of file.tensors) {
    const own = rename(legacy.reduce((text, [old, modern]) => text.replace(old, modern), name))
    const isKernel = /\.mid\.attn_1\.(?:q|k|v|proj_out)\.weight$/.test(own) && shape.length === 2
    tensors[own] = stored(file, name, isKernel ? [...shape, 1, 1] : shape)
  }
  return tensors
}

const query = /^text_model\.encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)$/

function openClipTensors(file: Checkpoint): Tensors {
  const layers = [...file.tensors.keys()].filter((name) => query.test(name)).length
  const rename = toLdm(openClipNames(layers))
  const tensors: Tensors = {}
  for (const name of file.tensors.keys()) {
    if (/\.(?:k_proj|v_proj)\.|position_ids$/.test(name)) continue
    const [, layer, kind] = query.exec(name) ?? []
    if (layer !== undefined) tensors[`transformer.resblocks.${layer}.attn.in_proj_${kind}`] = inOne(file, name)
    else tensors[rename(name)] = name === 'text_projection.weight' ? turned(file, name) : stored(file, name)
  }
  return tensors
}

/** Queries, keys and values as one tensor. */
function inOne(file: Checkpoint, name: string): NewTensor {
  const names = ['q_proj', 'k_proj', 'v_proj'].map((kind) => name.replace('q_proj', kind))
  const [{ dtype, shape }] = names.map((own) => file.tensors.get(own) ?? missing(file, own)) as [TensorInfo]
  return { dtype, shape: [3 * shape[0]!, ...shape.slice(1)], data: late(() => names.map((own) => file.bytes(own))) }
}

function missing({ path }: Checkpoint, name: string): never {
  throw new ModelError(`${path} lacks '${name}'`)
}

function turned(file: Checkpoint, name: string): NewTensor {
  const info = file.tensors.get(name)!
  const shape = info.shape.toReversed()
  // Seen as if the file held the transpose, and read the other way round.
  const view = filesCheckpoint(file.path, new Map([[name, { ...info, shape, transposed: true as const }]]), {})
  return { dtype: info.dtype, shape, data: late(() => [view.bytes(name)]) }
}

/** The configurations that reading the file would not find by itself. */
function configNotes(
  source: ModelSource,
  family: Family,
  { parts, tensors }: { parts: readonly PartName[]; tensors: Tensors },
): Record<string, object> {
  const infos = Object.entries(tensors).map(
    ([name, { dtype, shape }]) => [name, { dtype, shape, path: source.path, offset: 0, length: 0 }] as const,
  )
  const file = filesCheckpoint(source.path, new Map<string, TensorInfo>(infos), {})
  const notes: Record<string, object> = {}
  for (const name of parts) {
    const config = source.part(name).config(z.record(z.string(), z.unknown()))
    const meant = readers[name](config)
    if (!isDeepStrictEqual(understood(readers[name], seePart(file, family, name)!.config), meant)) notes[name] = config
  }
  return notes
}

/** Null where the tensors have led to a configuration that no model can have. */
function understood(read: (json: unknown) => unknown, json: object): unknown {
  try {
    return read(json)
  } catch {
    return null
  }
}

const tokenizerFiles = [
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
]

/** Tokenizers that are not CLIP's, as the texts of their files. */
function tokenizerNotes(folder: string, family: Family): Record<string, object> {
  const notes: Record<string, object> = {}
  const places = family === 'sdxl' ? ['tokenizer', 'tokenizer_2'] : ['tokenizer']
  for (const [place, name] of places.entries()) {
    const at = (file: string) => join(folder, name, file)
    const padding: Padding = family === 'sd1' || (family === 'sdxl' && place === 0) ? 'end' : '!'
    if (isClips(openModelFolder(folder), place, padding)) continue
    const files = (existsSync(at('vocab.json')) ? tokenizerFiles : ['tokenizer.json', ...tokenizerFiles]).filter(
      (file) => existsSync(at(file)),
    )
    notes[name] = Object.fromEntries(files.map((file) => [file, readFileSync(at(file), 'utf8')]))
  }
  return notes
}

/** Whether it reads texts as CLIP's own does: as large, padded alike, and the same ids for words of all kinds. */
function isClips(source: ModelSource, place: number, padding: Padding): boolean {
  const [own, clips] = [source.tokenizer(place), clipTokenizer(padding)]
  const text = "a photograph of an astronaut riding a horse, don't 1984 çá 日本 :-) supercalifragilistic"
  return (
    own.size === clips.size &&
    own.modelMaxLength === clips.modelMaxLength &&
    isDeepStrictEqual(own.padded(own.encode(text), 77), clips.padded(clips.encode(text), 77))
  )
}
