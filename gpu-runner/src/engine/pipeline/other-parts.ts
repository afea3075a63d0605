/** A model with another VAE, or another UNet, than its own: a folder in diffusers layout, or one file of either layout. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { Family } from '../models/ldm-config.ts'
import { folderPart } from './folder.ts'
import { openAs } from './single-file/contents.ts'
import { type SeenPart, seeAutoencoder, seeUNet } from './single-file/layout.ts'
import { seenPart } from './single-file/open.ts'
import { ModelError, type ModelPart, type ModelSource } from './source.ts'

export interface OtherParts {
  readonly vae?: string | undefined
  readonly unet?: string | undefined
}

/** Throws `ModelError` for what is none, or for another kind of model. */
export function withParts(source: ModelSource, { vae, unet }: OtherParts): ModelSource {
  const others = {
    ...(vae !== undefined && { vae: otherPart(source, 'vae', vae) }),
    ...(unet !== undefined && { unet: otherPart(source, 'unet', unet) }),
  }
  return {
    ...source,
    part: (name) => (name === 'vae' || name === 'unet' ? others[name] : undefined) ?? source.part(name),
  }
}

function otherPart(source: ModelSource, name: 'vae' | 'unet', path: string): ModelPart {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new ModelError(`--${name}: ${path} does not exist`)
  if (stat.isDirectory()) {
    // The folder of the part, or that of a whole model.
    const own = [path, join(path, name)].find((folder) => existsSync(join(folder, 'config.json')))
    if (own) return folderPart(own)
    throw new ModelError(`--${name}: ${path} has no config.json; the folder is none of diffusers`)
  }
  const isDiffusers =
    basename(path).startsWith('diffusion_pytorch_model') && existsSync(join(dirname(path), 'config.json'))
  if (isDiffusers) return folderPart(dirname(path))
  const file = openAs(path, name, 'model')
  const start = name === 'vae' ? 'first_stage_model.' : 'model.diffusion_model.'
  const prefix = file.tensors.keys().some((key) => key.startsWith(start)) ? start : ''
  const family: Family = source.kind === 'sdxl' ? 'sdxl' : 'sd1'
  if (name === 'vae') return seenPart(path, seeAutoencoder(file, prefix, family))
  return seenPart(path, withOwnHeads(source.part('unet'), seeUNet(file, prefix, family)))
}

/** What no shape tells of a UNet, as the model's own has it: heads and groups. The channels must be the same. */
function withOwnHeads(own: ModelPart, { checkpoint, config }: SeenPart): SeenPart {
  const json = own.config(z.record(z.string(), z.unknown()))
  const other = config as Record<string, unknown>
  const channels = json.block_out_channels ?? [320, 640, 1280, 1280]
  if (String(other.block_out_channels) !== String(channels))
    throw new ModelError(
      `${checkpoint.path} is a UNet of [${other.block_out_channels}] channels, and the model's has [${channels}]; it is for another model`,
    )
  const kept = [
    'attention_head_dim',
    'num_attention_heads',
    'norm_num_groups',
    'norm_eps',
    'sample_size',
    'prompt_layout',
    'addition_time_embed_dim',
  ]
  const same = Object.fromEntries(kept.filter((key) => key in json).map((key) => [key, json[key]]))
  return { checkpoint, config: { ...other, ...same } }
}
