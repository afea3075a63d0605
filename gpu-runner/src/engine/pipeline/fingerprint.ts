/** Fingerprints of models: a hash of each tensor's name, type, shape and some of its bytes. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { type Checkpoint, openSafetensors, type TensorInfo } from '../io/safetensors.ts'
import type { LoraFile } from '../runtime/lora.ts'
import { type ModelFolder, partCheckpoint } from './folder.ts'

export interface Fingerprints {
  /** Of everything that makes latents from prompts and references: text encoders, UNet, adapter, LoRA files, scheduler. */
  readonly denoiser: string
  /** Of the encoder alone, which defines what latents mean. A better decoder leaves it unchanged. */
  readonly autoencoder: string
}

/** Bytes read at the beginning, in the middle and at the end of a tensor: training changes all of it. */
const sample = 64

/** In hex. A model keeps its fingerprints in another folder, and in shards or one file. */
export function fingerprintsOf(
  folder: ModelFolder,
  { loras, adapter, scheduler }: { loras: readonly LoraFile[]; adapter: string | undefined; scheduler: object },
): Fingerprints {
  const encoders = folder.kind === 'sdxl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder']
  const denoiser = createHash('sha256').update(JSON.stringify(scheduler))
  for (const part of ['unet', ...encoders]) addTensors(denoiser.update(part), partCheckpoint(folder.part(part)))
  if (adapter !== undefined) addTensors(denoiser.update('adapter'), openSafetensors(adapter))
  for (const { path, scale } of loras) addTensors(denoiser.update(`lora ${scale}`), openSafetensors(path))
  const autoencoder = createHash('sha256')
  addTensors(autoencoder, partCheckpoint(folder.part('vae')), (name) => /^(encoder|quant_conv)\./.test(name))
  return { denoiser: denoiser.digest('hex'), autoencoder: autoencoder.digest('hex') }
}

function addTensors(hash: Hash, { tensors }: Checkpoint, of: (name: string) => boolean = () => true): void {
  const files = new Map<string, number>()
  try {
    for (const [name, info] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!of(name)) continue
      if (!files.has(info.path)) files.set(info.path, openSync(info.path, 'r'))
      hash.update(JSON.stringify([name, info.dtype, info.shape])).update(sampled(files.get(info.path)!, info))
    }
  } finally {
    for (const file of files.values()) closeSync(file)
  }
}

function sampled(file: number, { offset, length }: TensorInfo): Uint8Array {
  const size = Math.min(length, sample)
  const bytes = new Uint8Array(3 * size)
  for (const [i, start] of [0, (length - size) >> 1, length - size].entries())
    readSync(file, bytes, i * size, size, offset + start)
  return bytes
}
