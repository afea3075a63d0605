/** Fingerprints of models: a hash of each tensor's name, type, shape and some of its bytes. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { type Checkpoint, openSafetensors, type TensorInfo } from '../io/safetensors.ts'
import type { LoraFile } from '../runtime/lora.ts'
import type { ModelSource } from './source.ts'
import { encoderNames } from './text-encoders.ts'

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
  source: ModelSource,
  { loras, adapter, scheduler }: { loras: readonly LoraFile[]; adapter: string | undefined; scheduler: object },
): Fingerprints {
  const denoiser = createHash('sha256').update(JSON.stringify(scheduler))
  for (const part of ['unet', ...encoderNames(source.kind)] as const)
    addTensors(denoiser.update(part), source.part(part).checkpoint())
  if (adapter !== undefined) addTensors(denoiser.update('adapter'), openSafetensors(adapter))
  for (const { path, scale } of loras) addTensors(denoiser.update(`lora ${scale}`), openSafetensors(path))
  const autoencoder = createHash('sha256')
  addTensors(autoencoder, source.part('vae').checkpoint(), (name) => /^(encoder|quant_conv)\./.test(name))
  return { denoiser: denoiser.digest('hex'), autoencoder: autoencoder.digest('hex') }
}

function addTensors(hash: Hash, { tensors, bytes }: Checkpoint, of: (name: string) => boolean = () => true): void {
  const files = new Map<string, number>()
  try {
    for (const [name, info] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!of(name)) continue
      if (!files.has(info.path)) files.set(info.path, openSync(info.path, 'r'))
      const own = info.transposed ? sampledOf(bytes(name)) : sampled(files.get(info.path)!, info)
      hash.update(JSON.stringify([name, info.dtype, info.shape])).update(own)
    }
  } finally {
    for (const file of files.values()) closeSync(file)
  }
}

function sampled(file: number, { offset, length }: TensorInfo): Uint8Array {
  const { size, starts } = samplesOf(length)
  const bytes = new Uint8Array(3 * size)
  for (const [i, start] of starts.entries()) readSync(file, bytes, i * size, size, offset + start)
  return bytes
}

/** The same of a tensor that does not lie in the file as it is seen. */
function sampledOf(bytes: Uint8Array): Uint8Array {
  const { size, starts } = samplesOf(bytes.length)
  return Buffer.concat(starts.map((start) => bytes.subarray(start, start + size)))
}

function samplesOf(length: number) {
  const size = Math.min(length, sample)
  return { size, starts: [0, (length - size) >> 1, length - size] }
}
