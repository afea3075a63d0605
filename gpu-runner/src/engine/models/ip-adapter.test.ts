import assert from 'node:assert/strict'
import { test } from 'node:test'
import { input } from '../graph/value.ts'
import { viewOf, WeightError } from '../nn/weights.ts'
import { openSession } from '../runtime/session.ts'
import { adapterConfig, crossAttentionLayers, downsampledMasks, imageTokens } from './ip-adapter.ts'
import { parseUNetConfig } from './unet-config.ts'

const none = viewOf({
  has: () => false,
  get: (name) => {
    throw new WeightError(name, 'not here')
  },
})

test('adapterConfig reads the kind from the tensors, and refuses files of another layout by name', () => {
  const shapes = (entries: Record<string, number[]>) =>
    new Map(Object.entries(entries).map(([name, shape]) => [`image_proj.${name}`, { shape }]))
  const base = adapterConfig(shapes({ 'norm.weight': [32], 'proj.weight': [128, 24] }))
  assert.deepEqual([base.kind, base.tokens, base.width], ['base', 4, 32])
  assert.throws(() => adapterConfig(shapes({ 'proj.weight': [8, 8] })), /image_proj\.norm\.weight: is missing/)
  const full = adapterConfig(shapes({ 'proj.0.weight': [24, 24], 'proj.2.weight': [32, 24], 'proj.3.weight': [32] }))
  assert.deepEqual([full.kind, full.tokens, full.width], ['full', 0, 32])
  const faces: Record<string, number[]>[] = [
    { 'proj.0.weight': [1024, 512] },
    { 'perceiver_resampler.proj_in.weight': [8, 8] },
  ]
  for (const face of faces)
    assert.throws(() => adapterConfig(shapes(face)), /a FaceID adapter.*insightface.*plus-face and full-face/)
  const uneven = shapes({ 'norm.weight': [32], 'proj.weight': [100, 24] })
  assert.throws(() => adapterConfig(uneven), /image_proj\.proj\.weight: its 100 rows are no multiple of 32/)
  const narrow = { latents: [1, 4, 8], 'proj_out.weight': [8, 8], 'layers.0.0.to_q.weight': [40, 8] }
  assert.throws(() => adapterConfig(shapes(narrow)), /to_q\.weight: its 40 rows are no multiple of 64/)
  assert.throws(() => imageTokens(input('x', [1, 2, 3, 4]), none, base), /a 'base' adapter takes 3 dimensions/)
})

test('layers are numbered down, up, middle', () => {
  const config = parseUNetConfig({
    block_out_channels: [8, 8],
    norm_num_groups: 8,
    down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
    up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
    layers_per_block: 1,
    transformer_layers_per_block: [1, 2],
  })
  const layer = (block: string, j: number, k: number) => `${block}.attentions.${j}.transformer_blocks.${k}.attn2`
  assert.deepEqual(crossAttentionLayers(config), [
    layer('down_blocks.1', 0, 0),
    layer('down_blocks.1', 0, 1),
    layer('up_blocks.0', 0, 0),
    layer('up_blocks.0', 0, 1),
    layer('up_blocks.0', 1, 0),
    layer('up_blocks.0', 1, 1),
    layer('mid_block', 0, 0),
    layer('mid_block', 0, 1),
  ])
})

test('a mask keeps its halves when it shrinks, and is padded where its proportions do not fill the layer', async () => {
  const masks = input('masks', [1, 1, 8, 16])
  const session = await openSession({ even: downsampledMasks(masks, 8), odd: downsampledMasks(masks, 7) })
  const data = Float32Array.from({ length: 128 }, (_, i) => (i % 16 < 8 ? 1 : 0))
  const { even, odd } = await session.run({ masks: { data, shape: [1, 1, 8, 16] } })
  await session.close()
  const near = (values: ArrayLike<unknown>) => Array.from(values, (value) => Math.round(Number(value)))
  assert.deepEqual(near(even!.data), [1, 1, 0, 0, 1, 1, 0, 0])
  assert.deepEqual(odd!.shape, [1, 1, 7])
})
