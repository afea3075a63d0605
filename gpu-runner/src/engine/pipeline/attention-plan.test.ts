import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUNetConfig } from '../models/unet-config.ts'
import { levelGrid, levelOf, planAttention } from './attention-plan.ts'

const down = (...has: number[]) => has.map((one) => (one ? 'CrossAttnDownBlock2D' : 'DownBlock2D'))
const up = (...has: number[]) => has.map((one) => (one ? 'CrossAttnUpBlock2D' : 'UpBlock2D'))
const plan = (json: object) => planAttention(parseUNetConfig(json))

test('the plans of SD 1, SD 2 at 768, SDXL, story-mini and a UNet of one level', () => {
  assert.deepEqual(plan({ sample_size: 64 }), { shared: [0, 1, 2], maps: 1 })
  // 96 is too large to share, 48 and 24 are not; maps at 24.
  assert.deepEqual(plan({ sample_size: 96 }), { shared: [1, 2], maps: 2 })
  const three = { block_out_channels: [320, 640, 1280] }
  const sdxl = { ...three, sample_size: 128, down_block_types: down(0, 1, 1), up_block_types: up(1, 1, 0) }
  assert.deepEqual(plan(sdxl), { shared: [1, 2], maps: 2 })
  const mini = { ...three, sample_size: 16, down_block_types: down(1, 1, 1), up_block_types: up(1, 1, 1) }
  assert.deepEqual(plan(mini), { shared: [0, 1], maps: 0 })
  const one = { block_out_channels: [320], sample_size: 64, down_block_types: down(1), up_block_types: up(1) }
  assert.deepEqual(plan(one), { shared: [0], maps: 0 })
})

test('a UNet without attention on the way up shares nothing, one without any has no plan', () => {
  const two = { block_out_channels: [32, 64], sample_size: 32, up_block_types: up(0, 0) }
  assert.deepEqual(plan({ ...two, down_block_types: down(1, 0) }), { shared: [], maps: 0 })
  const none = { ...two, down_block_types: down(0, 0), mid_block_type: 'UNetMidBlock2D' }
  assert.equal(plan(none), null)
})

test('layers know their level and way, and grids halve rounding up', () => {
  const config = parseUNetConfig({ sample_size: 64 })
  assert.deepEqual(levelOf('down_blocks.1.attentions.0.transformer_blocks.0.attn2', config), { level: 1, way: 'down' })
  assert.deepEqual(levelOf('up_blocks.1.attentions.2.transformer_blocks.9.attn1', config), { level: 2, way: 'up' })
  assert.deepEqual(levelOf('mid_block.attentions.0.transformer_blocks.0.attn1', config), { level: 3, way: 'middle' })
  assert.deepEqual(levelGrid({ width: 17, height: 9 }, 2), { width: 5, height: 3 })
})
