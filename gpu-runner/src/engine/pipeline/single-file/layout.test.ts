/** Structures of published models, found from names and shapes alone, and files that were made to mislead. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sdxl } from '../../../../../test/model-folder.ts'
import { type PublishedModel, publishedModels } from '../../../lab/checkpoints/published.ts'
import { wantedTensors } from '../../../lab/checkpoints/random-weights.ts'
import { random } from '../../../lab/storydb/random.ts'
import { input } from '../../graph/value.ts'
import { ConfigError } from '../../io/config.ts'
import { type Checkpoint, filesCheckpoint, SafetensorsError, type TensorInfo } from '../../io/safetensors.ts'
import { TokenizerError } from '../../io/tokenizer.ts'
import { AutoencoderConfig, decode, encode } from '../../models/autoencoder-kl.ts'
import { ClipTextConfig } from '../../models/clip-text.ts'
import type { Family } from '../../models/ldm-config.ts'
import { unet } from '../../models/unet.ts'
import { parseUNetConfig } from '../../models/unet-config.ts'
import { autoencoderNames, toLdm, unetNames } from '../../nn/ldm-names.ts'
import { WeightError } from '../../nn/weights.ts'
import { openSource } from '../open-source.ts'
import { ModelError } from '../source.ts'
import { seePart } from './layout.ts'
import { writeSingleFile } from './write.ts'

type Shapes = Map<string, { readonly shape: readonly number[] }>

function unetShapes(json: unknown): Shapes {
  const config = parseUNetConfig(json)
  const shapes = wantedTensors((w) =>
    unet(
      {
        sample: input('sample', ['batch', config.inChannels, 'height', 'width']),
        timestep: input('timestep', ['batch']),
        context: input('context', ['batch', 77, config.contextWidth]),
        textEmbeds: input('textEmbeds', ['batch', 1280]),
        timeIds: input('timeIds', ['batch', 6]),
      },
      w,
      config,
    ),
  )
  const { channels, layersPerBlock, upAttention } = config
  const rename = toLdm(unetNames({ levels: channels.length, layersPerBlock, upAttention: (i) => upAttention[i]! }))
  return new Map([...shapes].map(([name, tensor]) => [`model.diffusion_model.${rename(name)}`, tensor]))
}

function autoencoderShapes(json: unknown): Shapes {
  const config = AutoencoderConfig.parse(json)
  const shapes = wantedTensors((w) => [
    encode(input('image', ['batch', 3, 'height', 'width']), w, config),
    decode(input('latent', ['batch', 4, 'h', 'w']), w, config),
  ])
  const rename = toLdm(autoencoderNames({ levels: config.channels.length, layersPerBlock: config.layersPerBlock }))
  return new Map([...shapes].map(([name, tensor]) => [`first_stage_model.${rename(name)}`, tensor]))
}

const headerOnly = (shapes: Shapes): Checkpoint =>
  filesCheckpoint(
    'x.safetensors',
    new Map<string, TensorInfo>(
      [...shapes].map(([name, { shape }]) => [name, { dtype: 'F16', shape, path: 'x', offset: 0, length: 0 }]),
    ),
    {},
  )

const families: Record<string, Family> = { sd15: 'sd1', sd2: 'sd2', sdxl: 'sdxl' }
for (const [name, model] of Object.entries(publishedModels))
  test(`UNet and VAE of ${name}, of full size, are found from their names and shapes`, () => {
    const family = families[name]!
    const published: PublishedModel = model
    const unet = seePart(headerOnly(unetShapes(published.unet)), family, 'unet')!.config
    // SD 2 at 512 and at 768 have the same tensors.
    const stated = name === 'sd2' ? { sample_size: 96 } : {}
    assert.deepEqual(parseUNetConfig({ ...unet, ...stated }), parseUNetConfig(published.unet))
    const vae = seePart(headerOnly(autoencoderShapes(published.vae)), family, 'vae')!.config
    assert.deepEqual(AutoencoderConfig.parse(vae), AutoencoderConfig.parse(published.vae))
  })

const pruned: Record<string, object> = {
  'SSD-1B': {
    mid_block_type: 'UNetMidBlock2D',
    transformer_layers_per_block: [1, [2, 2], [4, 4]],
    reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1],
  },
  Vega: {
    mid_block_type: 'UNetMidBlock2D',
    transformer_layers_per_block: [1, 1, 2],
  },
  'KOALA-700M': { layers_per_block: 1, mid_block_type: 'UNetMidBlock2D', transformer_layers_per_block: [1, 2, 5] },
  'an LCM of SDXL': { time_cond_proj_dim: null },
}
for (const [name, changes] of Object.entries(pruned))
  test(`${name}, pruned from SDXL, has the depths of its own transformers`, () => {
    const json = { ...publishedModels.sdxl.unet, ...changes }
    const found = seePart(headerOnly(unetShapes(json)), 'sdxl', 'unet')!.config
    assert.deepEqual(parseUNetConfig(found), parseUNetConfig(json))
  })

test('SD 2 reads the state before the last of 24 layers; queries, keys and values are three views of one tensor', () => {
  const shapes: Shapes = new Map()
  const at = (name: string, ...shape: number[]) => shapes.set(`cond_stage_model.model.${name}`, { shape })
  at('token_embedding.weight', 49_408, 1024)
  at('positional_embedding', 77, 1024)
  for (let i = 0; i < 24; i++) {
    at(`transformer.resblocks.${i}.attn.in_proj_weight`, 3072, 1024)
    at(`transformer.resblocks.${i}.mlp.c_fc.weight`, 4096, 1024)
  }
  const { checkpoint, config } = seePart(headerOnly(shapes), 'sd2', 'text_encoder')!
  const { layers, heads, width, activation } = ClipTextConfig.parse(config)
  assert.deepEqual([layers, heads, width, activation], [23, 16, 1024, 'gelu'])
  assert.deepEqual(checkpoint.tensors.get('text_model.encoder.layers.23.self_attn.v_proj.weight')?.shape, [1024, 1024])
})

test('headers of such files with seeded faults: opened, or refused by an error that was made for it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'layout-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'x.safetensors')
  writeSingleFile(sdxl, path)
  const sound = readFileSync(path)
  const headerEnd = 8 + Number(sound.readBigUInt64LE())
  const header = JSON.parse(sound.toString('utf8', 8, headerEnd)) as Record<string, { shape: number[] }>
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  const written = (changed: object) => {
    const json = Buffer.from(JSON.stringify(changed))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    return Buffer.concat([length, json, sound.subarray(headerEnd)])
  }
  const typed = [ModelError, SafetensorsError, WeightError, ConfigError, TokenizerError]
  const outcomes = { opened: 0, refused: 0 }
  for (let round = 0; round < 96; round++) {
    const r = random(7, round)
    const changed = structuredClone(header) as Record<string, unknown>
    const name = r.pick(names)
    const kind = round % 6
    if (kind === 0) delete changed[name]
    if (kind === 1) changed[name.replace(/\d+/, () => String(Math.floor(r.next() * 1e6)))] = changed[name]
    if (kind === 2) (changed[name] as { shape: number[] }).shape = header[name]!.shape.toReversed()
    if (kind === 3) (changed[name] as { shape: number[] }).shape = [...header[name]!.shape, 1]
    if (kind === 4)
      changed.__metadata__ = { 'fableframe.unet': r.pick(['[]', '1', '{"block_out_channels":1e9}', '{}']) }
    if (kind === 5) changed.__metadata__ = { 'fableframe.tokenizer': r.pick(['{}', '{"vocab.json":"{"}', 'null']) }
    const bytes = round % 13 === 0 ? sound.subarray(0, Math.floor(r.next() * headerEnd)) : written(changed)
    writeFileSync(path, bytes)
    try {
      const source = openSource(path)
      source.part('unet').config({ parse: parseUNetConfig } as never)
      source.part('vae').config(AutoencoderConfig)
      source.part('text_encoder_2').config(ClipTextConfig)
      if (kind === 5) source.tokenizer(0)
      outcomes.opened++
    } catch (error) {
      outcomes.refused++
      const isKnown = typed.some((type) => error instanceof type)
      if (!isKnown) throw new Error(`round ${round}, ${name}`, { cause: error })
      assert.ok((error as Error).message.length < 2000)
    }
  }
  assert.ok(outcomes.opened > 8 && outcomes.refused > 24, JSON.stringify(outcomes))
})
