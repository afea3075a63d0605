/** What a file is, by the names and shapes of its tensors, or by its first bytes where it is no safetensors file. */
import { closeSync, openSync, readSync } from 'node:fs'
import { type Checkpoint, openSafetensors } from '../../io/safetensors.ts'
import type { Family } from '../../models/ldm-config.ts'
import { ModelError } from '../source.ts'

/** What a file can be to this engine; 'foreign' to none of its parts. */
type Role =
  | 'model'
  | 'unet'
  | 'vae'
  | 'lora'
  | 'embedding'
  | 'controlnet'
  | 't2i-adapter'
  | 'ip-adapter'
  | 'image encoder'
  | 'text encoder'
  | 'foreign'

interface Contents {
  readonly role: Role
  /** In words: "a Flux transformer". */
  readonly what: string
}

/** What is read of whole models. */
const read = 'Stable Diffusion 1.x, 2.x and SDXL are read'

/** Where a file of that role belongs. */
const places: Readonly<Partial<Record<Role, string>>> = {
  model: '--model is for it',
  unet: '--unet is for it, beside a whole --model',
  vae: '--vae is for it, beside a --model',
  lora: '--lora is for it, beside a --model',
  embedding: 'embeddings are not read yet',
  controlnet: 'control models are not read yet',
  't2i-adapter': 'control models are not read yet',
  'ip-adapter': '--ip-adapter is for it, beside a --model',
}

/** By a name that one of the tensors has; the first that is found counts. */
const signatures: readonly (readonly [RegExp, Role, string])[] = [
  [/\.lora_(?:up|down|A|B)\.|\.lora\.(?:up|down)\.|_lora\.(?:up|down)\.|^lora_/, 'lora', 'a LoRA file'],
  [/\.hada_w|\.lokr_w|\.oft_|\.boft_|dora_scale|\.glora_|\.[ab][12]\.weight$/, 'lora', 'a LoRA file (LyCORIS)'],
  [/(?:^|\.)ip_adapter\.|^image_proj\./, 'ip-adapter', 'an IP-Adapter'],
  [/^(?:emb_params|string_to_param|clip_[lg])$/, 'embedding', 'a textual inversion'],
  [/^control_model\.|^controlnet_cond_embedding\.|^input_hint_block\./, 'controlnet', 'a ControlNet'],
  [/^lora_controlnet$|^lllite_/, 'foreign', 'a ControlNet in low rank, which is not read'],
  [/^(?:adapter\.)?body\.\d+\.(?:resnets\.\d+\.)?(?:block1|in_conv|resnets)/, 't2i-adapter', 'a T2I-Adapter'],
  [/motion_modules|temporal_transformer/, 'foreign', 'a motion module for video'],
  [/time_stack\.|time_mixer/, 'foreign', 'a video model (Stable Video Diffusion)'],
  [/individual_token_refiner/, 'foreign', 'a HunyuanVideo transformer'],
  [/distilled_guidance_layer/, 'foreign', 'a Chroma transformer'],
  [
    /double_blocks\.\d+\.img_attn|^single_transformer_blocks\.|\.single_transformer_blocks\./,
    'foreign',
    'a Flux transformer',
  ],
  [/joint_blocks\.\d+\.|^transformer_blocks\.\d+\.attn\.add_q_proj/, 'foreign', 'a Stable Diffusion 3 transformer'],
  [/transformer_blocks\.\d+\.img_mod/, 'foreign', 'a Qwen-Image transformer'],
  [/double_layers\.\d+\./, 'foreign', 'an AuraFlow transformer'],
  [/mlp_t5\.\d|text_embedding_padding/, 'foreign', 'a Hunyuan-DiT transformer'],
  [/cap_embedder\.|caption_projection\.|t_block\.1\./, 'foreign', 'a transformer such as PixArt, Lumina or Sana'],
  [/clip_txt_mapper|clf\.1\.weight/, 'foreign', 'a Stable Cascade model'],
  [/blocks\.\d+\.self_attn\.norm_q/, 'foreign', 'a Wan transformer'],
  [/encoder_hid_proj\./, 'foreign', 'a UNet of Kolors or Kandinsky'],
  [/^model\.diffusion_model\.input_blocks\./, 'model', 'a model in one file'],
  [/^input_blocks\.|^down_blocks\.\d+\.(?:resnets|attentions)/, 'unet', 'a UNet alone'],
  [/^first_stage_model\.|^decoder\.(?:conv_in|up|up_blocks|layers|mid)/, 'vae', 'a VAE alone'],
  [/vision_model\.|^visual\./, 'image encoder', 'an image encoder alone'],
  [/text_model\.encoder|resblocks\.|^encoder\.block\.\d+\.layer/, 'text encoder', 'a text encoder alone'],
  [/^(?:body\.\d+\.rdb|RRDB_trunk|model\.\d+\.sub|conv_first)/, 'foreign', 'a model that enlarges pictures'],
]

function contentsOf({ tensors }: Pick<Checkpoint, 'tensors'>): Contents {
  const names = [...tensors.keys()]
  for (const [pattern, role, what] of signatures) if (names.some((name) => pattern.test(name))) return { role, what }
  const some = names.slice(0, 3).map((name) => `'${name.slice(0, 60)}'`)
  const what = names.length === 0 ? 'a file without tensors' : `a file with tensors such as ${some.join(', ')}`
  return { role: 'foreign', what }
}

/** The file at `path`, which is one of `roles`, or a `ModelError` that says what it is instead. */
export function openAs(path: string, ...roles: readonly Role[]): Checkpoint {
  const other = foreignFormat(path)
  if (other !== null) throw new ModelError(`${path} is ${other}`)
  const file = openSafetensors(path)
  const { role, what } = contentsOf(file)
  if (roles.includes(role)) return file
  throw new ModelError(`${path} is ${what}; ${places[role] ?? read}`)
}

/** By its first bytes, which of the formats that people have models in it is, and what to do; null for any other. */
function foreignFormat(path: string): string | null {
  const start = firstBytes(path)
  const text = Buffer.from(start).toString('latin1')
  const asSafetensors = 'only .safetensors files are read; the authors of most models publish one'
  if (text.startsWith('GGUF') || text.startsWith('GGML')) return `a GGUF file, of quantised weights; ${asSafetensors}`
  // A ZIP archive, or the protocol byte of a pickle; torch has written both.
  if (text.startsWith('PK\x03\x04') || (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5))
    return `a pickle of torch (.ckpt, .pt, .bin), which could run code when it is read; ${asSafetensors}`
  if (start[0] === 0x08 && /onnx|pytorch/i.test(text)) return `an ONNX graph; ${asSafetensors}`
  if (text.startsWith('\x89HDF')) return `an HDF5 file; ${asSafetensors}`
  if (text.startsWith('version https://git-lfs'))
    return 'a pointer of Git LFS, not the file itself; `git lfs pull` fetches it'
  if (/^\s*<(?:!doctype|html)/i.test(text)) return 'a web page, not a model; the download went wrong'
  return null
}

function firstBytes(path: string): Uint8Array {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const bytes = new Uint8Array(64)
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0))
  } catch (error) {
    throw new ModelError(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * Which family a model of one file is of, by its text encoders: CLIP alone, open_clip alone, or both. Throws `ModelError`
 * for relatives that are not read.
 */
export function familyOf({ path, tensors }: Checkpoint): Family {
  const has = (start: string) => tensors.keys().some((name) => name.startsWith(start))
  const context = [...tensors].find(([name]) => name.endsWith('.attn2.to_k.weight'))?.[1].shape[1]
  const other = (what: string) => new ModelError(`${path} is ${what}; ${read}`)
  if (has('embedder.model.visual.')) throw other('a Stable unCLIP model')
  if (has('conditioner.embedders.1.model.')) return 'sdxl'
  if (has('conditioner.embedders.0.model.')) {
    if (context === 1280) throw other('an SDXL refiner')
    return 'sd2'
  }
  if (has('cond_stage_model.model.visual.')) throw other('an image-to-view model (Zero123)')
  if (has('cond_stage_model.model.')) return 'sd2'
  if (has('cond_stage_model.transformer.')) return 'sd1'
  throw new ModelError(`${path} holds a UNet and no text encoder; --unet is for it, beside a whole --model`)
}
