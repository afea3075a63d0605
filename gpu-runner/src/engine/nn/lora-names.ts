/**
 * Keys of LoRA files. The same layer is `unet.mid_block.attentions.0.proj_in.lora_A.weight` to peft,
 * `unet.mid_block.attentions.0.proj_in.lora.down.weight` to older diffusers, and to kohya's trainers
 * `lora_unet_mid_block_attentions_0_proj_in.lora_down.weight` or `lora_unet_middle_block_1_proj_in.lora_down.weight`;
 * ComfyUI writes `diffusion_model.middle_block.1.proj_in.lora_down.weight`.
 * Names are compared with dots as underscores, in which all of these agree with the checkpoint's own.
 */

import { structureOf, toLdm, unetNames } from './ldm-names.ts'
import { type FactorRole, factorRoles } from './lora-kinds.ts'

/** Parts of a pipeline that such files change, under the names of their folders. */
export const loraParts = ['unet', 'text_encoder', 'text_encoder_2'] as const
export type LoraPart = (typeof loraParts)[number]

export interface LoraKey {
  readonly part: LoraPart
  /** The layer as it is written, without the part. */
  readonly layer: string
  readonly role: LoraRole
}

/** Of a tensor in its layer: a factor, or a change of the layer's bias. */
export type LoraRole = FactorRole | 'alpha' | 'bias'

const kohyaParts: Readonly<Record<string, LoraPart>> = {
  unet: 'unet',
  te: 'text_encoder',
  te1: 'text_encoder',
  te2: 'text_encoder_2',
}

/** By what a key ends with. `diff_b` and `b_norm` change a bias, `w_norm` the weight of a norm. */
const roles: readonly (readonly [RegExp, LoraRole])[] = [
  [/\.lora_A(?:\.\w+)?\.weight$|\.lora_down\.weight$|(?:[._]lora|\.lora_linear_layer)\.down\.weight$/, 'down'],
  [/\.lora_B(?:\.\w+)?\.weight$|\.lora_up\.weight$|(?:[._]lora|\.lora_linear_layer)\.up\.weight$/, 'up'],
  [/\.lora_mid\.weight$/, 'mid'],
  [/\.dora_scale$|\.lora_magnitude_vector(?:\.\w+)*$/, 'magnitude'],
  [/(?:[._]lora|\.lora_linear_layer)?\.alpha$/, 'alpha'],
  [/\.diff$|\.w_norm$/, 'diff'],
  [/\.diff_b$|\.b_norm$/, 'bias'],
  ...factorRoles
    .filter((role) => /^(?:hada|lokr)_/.test(role))
    .map((role) => [new RegExp(`\\.${role}$`), role] as const),
  ...(['a1', 'a2', 'b1', 'b2'] as const).map((role) => [new RegExp(`\\.${role}\\.weight$`), role] as const),
]

/** Relatives of LoRA that need another formula, by what their keys hold. */
const unsupported: readonly (readonly [RegExp, string])[] = [
  [/\.oft_|\.boft_/, 'OFT is not supported'],
  [/\.on_input$|\.ia3/, 'IA³ is not supported'],
  [/\.bias$/, 'a trained bias is not supported'],
]

/** Embeddings that OneTrainer puts into the same file; they are no layers. */
export const isBundled = (key: string): boolean => key.startsWith('bundle_emb.')

/** What a key names, or why it names nothing here. */
export function parseLoraKey(key: string): LoraKey | string {
  const [part, rest] = partOf(key)
  const problem = unsupported.find(([pattern]) => pattern.test(key))?.[1]
  if (problem) return problem
  if (!part) return `no part of a pipeline is known by this name; ${loraParts.join(', ')} are`
  for (const [ending, role] of roles) {
    const layer = rest.replace(ending, '')
    if (layer !== rest) return { part, layer: modern(layer, part), role }
  }
  return 'it is neither of the two factors of a layer nor its alpha, nor of a relative of LoRA that is read'
}

function partOf(key: string): [LoraPart | undefined, string] {
  const kohya = /^(?:lora|lycoris)_(unet|te|te1|te2)_(.*)$/s.exec(key)
  if (kohya) return [kohyaParts[kohya[1]!], kohya[2]!]
  const dotted = /^(unet|text_encoder|text_encoder_2)\.(?:base_model\.model\.)?(.*)$/s.exec(key)
  if (dotted) return [dotted[1] as LoraPart, dotted[2]!]
  // As ComfyUI writes them, under the names of the first implementation too.
  const encoder = /^text_encoders\.clip_([lg])\.transformer\.(.*)$/s.exec(key)
  if (encoder) return [encoder[1] === 'l' ? 'text_encoder' : 'text_encoder_2', encoder[2]!]
  const bare = /^(?:model\.)?(?:diffusion_model|base_model\.model)\.(.*)$/s.exec(key)?.[1]
  if (bare !== undefined) return [bare.startsWith('text_model.') ? 'text_encoder' : 'unet', bare]
  if (/^lycoris_(?:down|mid|up|conv|time)/.test(key)) return ['unet', key.slice('lycoris_'.length)]
  // The first files of diffusers held the UNet alone, under no name.
  return [/^(?:down_blocks|mid_block|up_blocks)\./.test(key) ? 'unet' : undefined, key]
}

/** Layers that were called by their attention processor, or in a text encoder by the UNet's names for the same. */
function modern(layer: string, part: LoraPart): string {
  const plain = layer.replace('.processor.', '.').replace(/\.to_out$/, '.to_out.0')
  if (part === 'unet') return plain
  return plain.replace(/\.to_([qkv])$/, '.$1_proj').replace(/\.to_out\.0$/, '.out_proj')
}

export const underscored = (name: string): string => name.replaceAll('.', '_')

/** The checkpoint's `layers` by every name a LoRA file may have for them, with dots as underscores. */
export function layersByLoraName(layers: readonly string[], part: LoraPart): Map<string, string> {
  const found = new Map(layers.map((layer) => [underscored(layer), layer]))
  if (part !== 'unet') return found
  const rename = toLdm(unetNames(structureOf(layers)))
  for (const layer of layers) found.set(underscored(rename(layer)), layer)
  return found
}
