/** A model folder in diffusers layout, opened: text encoder, UNet with shared attention, decoder. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { readSchedulerConfig } from '../diffusion/schedulers/index.ts'
import { offset, scale } from '../graph/arithmetic.ts'
import { attention, attentionProbabilities, mergeHeads, splitHeads } from '../graph/attention.ts'
import { gatheredAttention } from '../graph/gathered-attention.ts'
import { matmul } from '../graph/matmul.ts'
import { mean, total } from '../graph/reduce.ts'
import { reshape } from '../graph/shape.ts'
import { dims4, halved, input, type Value } from '../graph/value.ts'
import { openTokenizer, type Tokenizer } from '../io/tokenizer.ts'
import { AutoencoderConfig, decode } from '../models/autoencoder-kl.ts'
import { AutoencoderTinyConfig, decodeTiny } from '../models/autoencoder-tiny.ts'
import { ClipTextConfig, clipText } from '../models/clip-text.ts'
import type { AttentionCall } from '../models/transformer-block.ts'
import { unet } from '../models/unet.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import type { Weights } from '../nn/weights.ts'
import { modelWeights } from '../runtime/model-weights.ts'
import { type HostTensor, openSession, type Session, type SessionOptions } from '../runtime/session.ts'

/** The folder is no model that can be opened here: what is wrong, in which file. */
export class ModelError extends Error {
  override name = 'ModelError'
}

/** Levels of the UNet, finest first, at which frames share attention on the way up. */
export const sharedLevels = [0, 1] as const

export interface DenoiseInputs {
  /** Latents [N,C,h,w]; rows are [unconditional frames | conditional frames]. */
  sample: HostTensor
  timestep: number
  /** [N,T,X] */
  context: HostTensor
  /** Mean over each character's tokens, [N,T,K]. */
  selector: HostTensor
  /** For each of `sharedLevels` which pixels a row attends to. */
  sharing: readonly { index: HostTensor; length: HostTensor }[]
}

export interface Pipeline {
  readonly name: string
  readonly tokenizer: Tokenizer
  readonly latentChannels: number
  /** Picture pixels along one side of a latent pixel. */
  readonly factor: number
  /** Side in pixels of the pictures the model was trained on. */
  readonly size: number
  /** The folder's scheduler_config.json, as it is. */
  readonly scheduler: object
  /** Hidden states [N,T,X] of rows of ids, each of the tokenizer's `modelMaxLength`. */
  encodeText(rows: readonly (readonly number[])[]): Promise<HostTensor>
  /** The UNet's output [N,C,h,w], and attention to each character's tokens at the latents' own grid, [N,h·w,K]. */
  denoise(inputs: DenoiseInputs): Promise<{ output: HostTensor; maps: HostTensor }>
  /** One latent [C,h,w] as RGB bytes, height × width × 3. */
  decode(latent: Float32Array, height: number, width: number): Promise<Uint8Array>
  close(): Promise<void>
}

export async function openPipeline(folder: string, options: SessionOptions): Promise<Pipeline> {
  const tokenizer = openTokenizer(join(folder, 'tokenizer'))
  const text = await openText(folder, tokenizer.modelMaxLength, options)
  const denoiser = await openDenoiser(folder, tokenizer.modelMaxLength, options)
  const decoder = await openDecoder(folder, options)
  return {
    name: basename(resolve(folder)),
    tokenizer,
    latentChannels: decoder.latentChannels,
    factor: decoder.factor,
    size: denoiser.sampleSize * decoder.factor,
    scheduler: readSchedulerConfig(join(folder, 'scheduler')),
    async encodeText(rows) {
      const ids = { data: BigInt64Array.from(rows.flat(), BigInt), shape: [rows.length, tokenizer.modelMaxLength] }
      return (await text.run({ ids })).context!
    },
    async denoise({ sample, timestep, context, selector, sharing }) {
      const [n] = sample.shape as [number]
      const feeds: Record<string, HostTensor> = { sample, context, selector }
      feeds.timestep = { data: new Float32Array(n).fill(timestep), shape: [n] }
      for (const [i, level] of sharedLevels.entries()) {
        feeds[`index${level}`] = sharing[i]!.index
        feeds[`length${level}`] = sharing[i]!.length
      }
      const { output, maps } = await denoiser.session.run(feeds)
      return { output: output!, maps: maps! }
    },
    decode: decoder.decode,
    async close() {
      await Promise.all([text.close(), denoiser.session.close(), decoder.close()])
    },
  }
}

async function openText(folder: string, tokens: number, options: SessionOptions): Promise<Session> {
  const part = join(folder, 'text_encoder')
  const config = parse(ClipTextConfig, join(part, 'config.json'))
  const ids = input('ids', ['batch', tokens], 'int64')
  const context = clipText(ids, modelWeights(part, 'model'), config).last
  return openSession({ context }, { ...options, weights: part })
}

async function openDenoiser(folder: string, tokens: number, options: SessionOptions) {
  const part = join(folder, 'unet')
  const config = parse(z.unknown().transform(parseUNetConfig), join(part, 'config.json'))
  const height = (level: number) =>
    Array.from({ length: level }).reduce<string | number>((dim) => halved(dim), 'height')
  const places = sharedLevels.map((level) => ({
    height: height(level),
    index: input(`index${level}`, ['batch', `keys${level}`], 'int64'),
    length: input(`length${level}`, ['batch'], 'int32'),
  }))
  const selector = input('selector', ['batch', tokens, 'characters'])
  const maps: Value[] = []
  const hooks = {
    self({ q, k, v, heads, grid, weights }: AttentionCall): Value {
      const place = places.find((one) => one.height === dims4(grid)[2])
      // The way down and the middle stay each frame's own: they decide on layout, which is to differ.
      const shared = place && weights.prefix.startsWith('up_blocks.')
      return shared ? gatheredAttention(q, k, v, heads, place.index, place.length) : attention(q, k, v, heads)
    },
    cross({ q, k, v, heads, grid }: AttentionCall): Value {
      if (dims4(grid)[2] !== 'height') return attention(q, k, v, heads)
      const p = attentionProbabilities(q, k, heads)
      const [b, , s, t] = dims4(p)
      maps.push(matmul(reshape(mean(p, [1]), [b, s, t]), selector))
      return mergeHeads(matmul(p, splitHeads(v, heads)))
    },
  }
  const inputs = {
    sample: input('sample', ['batch', config.inChannels, 'height', 'width']),
    timestep: input('timestep', ['batch']),
    context: input('context', ['batch', tokens, config.contextWidth]),
  }
  const output = unet(inputs, modelWeights(part, 'diffusion_pytorch_model'), config, hooks)
  const session = await openSession(
    { output, maps: scale(total(maps), 1 / maps.length) },
    { ...options, weights: part },
  )
  return { session, sampleSize: config.sampleSize }
}

async function openDecoder(folder: string, options: SessionOptions) {
  const part = join(folder, 'vae')
  const { _class_name: name } = parse(z.looseObject({ _class_name: z.string() }), join(part, 'config.json'))
  const weights = modelWeights(part, 'diffusion_pytorch_model')
  const { latentChannels, factor, picture } = graphOfDecoder(name, join(part, 'config.json'), weights)
  const session = await openSession({ picture }, { ...options, weights: part })
  return {
    latentChannels,
    factor,
    async decode(latent: Float32Array, height: number, width: number): Promise<Uint8Array> {
      const shape = [1, latentChannels, height / factor, width / factor]
      const { data } = (await session.run({ latent: { data: latent, shape } })).picture!
      return toBytes(data as Float32Array, height * width)
    },
    close: () => session.close(),
  }
}

function graphOfDecoder(name: string, path: string, weights: Weights) {
  if (name !== 'AutoencoderTiny' && name !== 'AutoencoderKL')
    throw new ModelError(`${path}: '${name}' is no known autoencoder; AutoencoderKL and AutoencoderTiny are`)
  const unscaled = (config: { latentChannels: number; scalingFactor: number; shiftFactor: number }) => {
    const latent = input('latent', ['batch', config.latentChannels, 'height', 'width'])
    const sized = scale(latent, 1 / config.scalingFactor)
    return config.shiftFactor === 0 ? sized : offset(sized, config.shiftFactor)
  }
  if (name === 'AutoencoderTiny') {
    const config = parse(AutoencoderTinyConfig, path)
    return { ...config, picture: decodeTiny(unscaled(config), weights, config) }
  }
  const config = parse(AutoencoderConfig, path)
  return { ...config, picture: decode(unscaled(config), weights, config) }
}

/** Planes in −1 … 1 as interleaved bytes. */
function toBytes(planes: Float32Array, pixels: number): Uint8Array {
  const rgb = new Uint8Array(pixels * 3)
  for (let p = 0; p < pixels; p++)
    for (let c = 0; c < 3; c++) {
      const value = (planes[c * pixels + p]! + 1) * 127.5
      rgb[p * 3 + c] = Math.max(0, Math.min(255, Math.round(value)))
    }
  return rgb
}

function readJson(path: string): unknown {
  if (!existsSync(path)) throw new ModelError(`${path} is missing; the folder is no model in diffusers layout`)
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ModelError(`${path} is no JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function parse<T>(schema: z.ZodType<T>, path: string): T {
  const result = schema.safeParse(readJson(path))
  if (!result.success) throw new ModelError(`${path}: ${z.prettifyError(result.error)}`)
  return result.data
}
