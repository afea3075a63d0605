/** The parts of a model of one file: where each lies, and its tensors under the names of diffusers and transformers. */
import { type Checkpoint, SafetensorsError, type TensorInfo } from '../../io/safetensors.ts'
import { part, reshaped, seenAs, transposed } from '../../io/tensor-views.ts'
import { autoencoderConfigOf, clipConfigOf, type Family, type Shapes, unetConfigOf } from '../../models/ldm-config.ts'
import { autoencoderNames, fromLdm, openClipNames, structureOf, toLdm, unetNames } from '../../nn/ldm-names.ts'
import type { PartName } from '../source.ts'

export interface SeenPart {
  readonly checkpoint: Checkpoint
  /** In the words of a diffusers `config.json`. */
  readonly config: object
}

/** Where the parts of a family begin. SD 2 has been written in the layout of SDXL, too. */
export const prefixes: Readonly<Record<Family, Readonly<Partial<Record<PartName, readonly string[]>>>>> = {
  sd1: common({ text_encoder: ['cond_stage_model.transformer.'] }),
  sd2: common({ text_encoder: ['cond_stage_model.model.', 'conditioner.embedders.0.model.'] }),
  sdxl: common({
    text_encoder: ['conditioner.embedders.0.transformer.'],
    text_encoder_2: ['conditioner.embedders.1.model.'],
  }),
}

function common(encoders: Partial<Record<PartName, readonly string[]>>) {
  return { unet: ['model.diffusion_model.'], vae: ['first_stage_model.'], ...encoders }
}

/** Null where the file does not hold it. */
export function seePart(file: Checkpoint, family: Family, name: PartName): SeenPart | null {
  const prefix = prefixes[family][name]?.find((start) => file.tensors.keys().some((key) => key.startsWith(start)))
  if (prefix === undefined) return null
  switch (name) {
    case 'unet':
      return seeUNet(file, prefix, family)
    case 'vae':
      return seeAutoencoder(file, prefix, family)
    case 'text_encoder':
      return family === 'sd2' ? seeOpenClip(file, prefix) : seeClip(file, prefix)
    case 'text_encoder_2':
      return seeOpenClip(file, prefix)
  }
}

const below = ({ tensors }: Checkpoint, prefix: string): Shapes =>
  new Map([...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, t]) => [name.slice(prefix.length), t]))

/** Of a file with the names of either layout. */
export function seeUNet(file: Checkpoint, prefix: string, family: Family): SeenPart {
  const pooled = file.tensors.get('conditioner.embedders.1.model.text_projection')?.shape[1] ?? 1280
  const tensors = below(file, prefix)
  const own = [...new Set(tensors.keys().map((name) => name.replace(/\.(?:weight|bias)$/, '')))]
  if (own.some((name) => name.startsWith('down_blocks.'))) {
    const rename = toLdm(unetNames(structureOf(own)))
    const config = unetConfigOf(new Map([...tensors].map(([name, tensor]) => [rename(name), tensor])), family, pooled)
    return { checkpoint: seenAs(file, prefix, (name, info) => ({ [name]: info })), config }
  }
  const config = unetConfigOf(tensors, family, pooled)
  const {
    block_out_channels: levels,
    layers_per_block: layersPerBlock,
    up_block_types: up,
  } = config as {
    block_out_channels: number[]
    layers_per_block: number
    up_block_types: string[]
  }
  const upAttention = (i: number) => up[i] === 'CrossAttnUpBlock2D'
  const rename = fromLdm(unetNames({ levels: levels.length, layersPerBlock, upAttention }))
  return { checkpoint: seenAs(file, prefix, (name, info) => ({ [rename(name)]: info })), config }
}

/** Of a file with the names of either layout. */
export function seeAutoencoder(file: Checkpoint, prefix: string, family: Family): SeenPart {
  const tensors = below(file, prefix)
  const blocks = [...tensors.keys()].map((name) => /^encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\./.exec(name))
  const most = (group: 1 | 2) => blocks.reduce((n, found) => Math.max(n, 1 + Number(found?.[group] ?? -1)), 0)
  if (most(1) > 0) {
    const rename = toLdm(autoencoderNames({ levels: Math.min(16, most(1)), layersPerBlock: Math.min(16, most(2)) }))
    const config = autoencoderConfigOf(new Map([...tensors].map(([name, t]) => [rename(name), t])), family)
    return { checkpoint: seenAs(file, prefix, (name, info) => ({ [name]: info })), config }
  }
  const config = autoencoderConfigOf(tensors, family) as { block_out_channels: number[]; layers_per_block: number }
  const levels = config.block_out_channels.length
  const rename = fromLdm(autoencoderNames({ levels, layersPerBlock: config.layers_per_block }))
  const see = (name: string, info: TensorInfo) => {
    // The projections of its attention are convolutions of 1×1 there, and matrices here.
    const isKernel = /\.mid\.attn_1\.(?:q|k|v|proj_out)\.weight$/.test(name) && info.shape.length === 4
    return { [rename(name)]: isKernel ? reshaped(info, info.shape.slice(0, 2)) : info }
  }
  return { checkpoint: seenAs(file, prefix, see), config }
}

/** Transformers' own names; the oldest files leave out `text_model.`. */
function seeClip(file: Checkpoint, prefix: string): SeenPart {
  const old = file.tensors.has(`${prefix}embeddings.token_embedding.weight`)
  const checkpoint = seenAs(file, prefix, (name, info) => ({ [old ? `text_model.${name}` : name]: info }))
  return { checkpoint, config: clipConfigOf(checkpoint.tensors, 'quick_gelu') }
}

const inProjection = /^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$/

/** Open_clip's text transformer, whose queries, keys and values are one tensor, seen as three. */
function seeOpenClip(file: Checkpoint, prefix: string): SeenPart {
  const layers = below(file, prefix)
    .keys()
    .reduce((most, name) => {
      const place = /^transformer\.resblocks\.(\d+)\./.exec(name)?.[1]
      return place === undefined ? most : Math.max(most, Number(place) + 1)
    }, 0)
  const rename = fromLdm(openClipNames(Math.min(layers, 128)))
  const see = (name: string, info: TensorInfo): Record<string, TensorInfo> => {
    const [, layer, kind] = inProjection.exec(name) ?? []
    if (layer === undefined) return { [rename(name)]: name === 'text_projection' ? transposed(info) : info }
    if (info.shape[0]! % 3) throw new SafetensorsError(file.path, prefix + name, 'is not three tensors in one')
    const own = `text_model.encoder.layers.${layer}.self_attn`
    return Object.fromEntries(['q', 'k', 'v'].map((one, i) => [`${own}.${one}_proj.${kind}`, part(info, i, 3)]))
  }
  const checkpoint = seenAs(file, prefix, see)
  return { checkpoint, config: clipConfigOf(checkpoint.tensors, 'gelu') }
}
