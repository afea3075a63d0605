import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AutoencoderConfig } from './autoencoder-kl.ts'
import { parseUNetConfig } from './unet-config.ts'

test('keys that newer files carry at their defaults are read past', () => {
  const config = parseUNetConfig({
    act_fn: 'silu',
    attention_head_dim: [5, 10, 20, 20],
    class_embed_type: null,
    conv_in_kernel: 3,
    mid_block_only_cross_attention: null,
    resnet_out_scale_factor: 1.0,
    upcast_attention: true,
    use_linear_projection: true,
  })
  assert.deepEqual(config.heads, [5, 10, 20, 20])
  assert.deepEqual([config.depths.down[3], config.depths.middle, config.depths.up[0]], [[1, 1], 1, [1, 1, 1]])
})

test('a pruned model has depths of its own for each transformer, and then for the way up', () => {
  const levels = {
    block_out_channels: [320, 640, 1280],
    down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
    up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
    attention_head_dim: [5, 10, 20],
    transformer_layers_per_block: [1, [2, 2], [4, 4]],
  }
  const up = [[4, 4, 10], [2, 1, 1], 1]
  const { depths } = parseUNetConfig({ ...levels, reverse_transformer_layers_per_block: up })
  assert.deepEqual(depths.down, [
    [1, 1],
    [2, 2],
    [4, 4],
  ])
  assert.deepEqual(depths.up, [
    [4, 4, 10],
    [2, 1, 1],
    [1, 1, 1],
  ])
  assert.throws(() => parseUNetConfig(levels), /reverse_transformer_layers_per_block/)
  assert.throws(
    () => parseUNetConfig({ ...levels, reverse_transformer_layers_per_block: [[4, 4], [2, 1, 1], 1] }),
    /2 depths for 3 transformers/,
  )
})

test('a feature that would change the result, and is not built, is refused by its key', () => {
  for (const unsupported of [
    { act_fn: 'gelu' },
    { class_embed_type: 'timestep' },
    { time_cond_proj_dim: 256 },
    { dual_cross_attention: true },
    { resnet_time_scale_shift: 'scale_shift' },
    { down_block_types: ['AttnDownBlock2D'] },
  ])
    assert.throws(() => parseUNetConfig(unsupported), new RegExp(Object.keys(unsupported)[0]!))
  assert.throws(() => AutoencoderConfig.parse({ latents_mean: [0, 0, 0, 0] }), /latents_mean/)
})
