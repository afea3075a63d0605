/** `npm run checkpoint:random`: a checkpoint of full size and random weights, to measure the engine with. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { gaussian } from '../engine/diffusion/noise.ts'
import { input, type Value } from '../engine/graph/value.ts'
import { writeSafetensors } from '../engine/io/safetensors.ts'
import { writeJsonSync, writeWholeSync } from '../engine/io/whole-file.ts'
import { AutoencoderConfig, decode, encode } from '../engine/models/autoencoder-kl.ts'
import { ClipTextConfig, clipText, pooledText, projectedText } from '../engine/models/clip-text.ts'
import { unet } from '../engine/models/unet.ts'
import { parseUNetConfig } from '../engine/models/unet-config.ts'
import type { Weights } from '../engine/nn/weights.ts'
import { type PublishedModel, publishedModels } from '../lab/checkpoints/published.ts'
import { randomTensors, wantedTensors } from '../lab/checkpoints/random-weights.ts'
import { type Command, command } from './command.ts'
import { progressBar } from './progress.ts'

const usage = `usage: npm run checkpoint:random -- --like ${Object.keys(publishedModels).join('|')} --out <folder> [--dtype f16|f32] [--seed N]

Writes a folder in diffusers layout. Its pictures are noise; its sizes, and so its speed, are those of the real one.`

const cli: Command = command('checkpoint:random', usage)
const { like, out, dtype, seed } = readOptions()
const model = publishedModels[like]
const parts = [...modelParts(model)]
const show = progressBar(`${like} ${dtype}`, parts.length)
for (const [i, { folder, base, config, build }] of parts.entries()) {
  const path = join(out, folder)
  writePart(path, 'config.json', config)
  const normals = gaussian({ seed, story: '', frame: folder, stream: 0 }, 99_991)
  let at = 0
  const tensors = randomTensors(wantedTensors(build), dtype === 'f16' ? 'F16' : 'F32', () => normals[at++]!)
  writeSafetensors(join(path, `${base}.safetensors`), tensors)
  show(i + 1, folder)
}
writePart(out, 'model_index.json', model.index)
writePart(join(out, 'scheduler'), 'scheduler_config.json', model.scheduler)
for (const i of model.textEncoders.keys()) writeTokenizer(join(out, i === 0 ? 'tokenizer' : `tokenizer_${i + 1}`))

interface ModelPart {
  folder: string
  base: string
  config: Readonly<Record<string, unknown>>
  build: (weights: Weights) => unknown
}

function* modelParts(of: PublishedModel): Generator<ModelPart> {
  const config = parseUNetConfig(of.unet)
  const pooled = Number(of.unet.projection_class_embeddings_input_dim ?? 0) - 6 * (config.additionTimeEmbedDim ?? 0)
  const inputs = {
    sample: input('sample', ['batch', config.inChannels, 'height', 'width']),
    timestep: input('timestep', ['batch']),
    context: input('context', ['batch', 77, config.contextWidth]),
    ...(pooled > 0 && { textEmbeds: input('textEmbeds', ['batch', pooled]), timeIds: input('timeIds', ['batch', 6]) }),
  }
  const base = 'diffusion_pytorch_model'
  yield { folder: 'unet', base, config: of.unet, build: (w) => unet(inputs, w, config) }
  const vae = AutoencoderConfig.parse(of.vae)
  const autoencoder = (w: Weights): Value[] => [
    encode(input('image', ['batch', 3, 'height', 'width']), w, vae),
    decode(input('latent', ['batch', vae.latentChannels, 'h', 'w']), w, vae),
  ]
  yield { folder: 'vae', base, config: of.vae, build: autoencoder }
  for (const { folder, config: json } of of.textEncoders) {
    const text = ClipTextConfig.parse(json)
    const ids = input('ids', ['batch', text.positions], 'int64')
    const build = (w: Weights) => {
      const { last } = clipText(ids, w, text)
      if (of.textEncoders.length > 1 && folder !== 'text_encoder') projectedText(pooledText(ids, last, text), w, text)
    }
    yield { folder, base: 'model', config: json, build }
  }
}

/** A vocabulary of single bytes, filled up to CLIP's size so that the ids of its special tokens are CLIP's. */
function writeTokenizer(folder: string): void {
  const bytes = [...range(33, 127), ...range(161, 173), ...range(174, 256), ...range(256, 324)]
  const letters = bytes.map((code) => String.fromCodePoint(code))
  const tokens = [...letters, ...letters.map((letter) => `${letter}</w>`)]
  while (tokens.length < 49_406) tokens.push(`<unused-${tokens.length}>`)
  const all = [...tokens, '<|startoftext|>', '<|endoftext|>']
  writePart(folder, 'vocab.json', Object.fromEntries(all.map((token, id) => [token, id])))
  writeWholeSync(join(folder, 'merges.txt'), '#version: 0.2\n')
  writePart(folder, 'tokenizer_config.json', { tokenizer_class: 'CLIPTokenizer', model_max_length: 77 })
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

function writePart(folder: string, name: string, value: unknown): void {
  mkdirSync(folder, { recursive: true })
  writeJsonSync(join(folder, name), value)
}

function readOptions() {
  const { values } = cli.read({
    like: { type: 'string', default: '' },
    out: { type: 'string', default: '' },
    dtype: { type: 'string', default: 'f16' },
    seed: { type: 'string', default: '1' },
  })
  if (!values.out) cli.fail('--out <folder> is missing')
  return {
    like: cli.oneOf('like', ['sd15', 'sd2', 'sdxl'], values.like),
    out: values.out,
    dtype: cli.oneOf('dtype', ['f16', 'f32'], values.dtype),
    seed: cli.whole('seed', values.seed, 0),
  }
}
