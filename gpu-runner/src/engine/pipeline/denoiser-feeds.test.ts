import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUNetConfig } from '../models/unet-config.ts'
import { type DenoiserCall, type DenoiserSizes, denoiserFeeds, hasSlots } from './denoiser-feeds.ts'

/** Two levels, of which the upper shares attention; prompts of 3 tokens, 2 wide. */
const sizes: DenoiserSizes = {
  config: parseUNetConfig({ in_channels: 1, block_out_channels: [32, 32], ...blocks(), attention_head_dim: 4 }),
  plan: { shared: [0], maps: 1 },
  levels: [0, 1],
  text: { length: 3, width: 2, pooledWidth: 0 },
  embedShapes: [],
  identity: { tokens: 1, width: 2 },
}
const grid = { width: 4, height: 2 }
const prompt = (id: number) => new Float32Array(6).fill(id)
const rows: DenoiserCall['rows'] = [
  { latent: new Float32Array(8).fill(1), context: prompt(1), pooled: null, timeIds: null },
  {
    ...{ latent: new Float32Array(8).fill(2), context: prompt(2), pooled: null, timeIds: null },
    regionalContexts: [prompt(3), prompt(4)],
    selector: new Float32Array(12).fill(0.5),
  },
]

test('a row of one prompt beside a row of two: contexts, selectors and biases are as long as the longer', () => {
  const feeds = denoiserFeeds({ rows, grid, timestep: 700, tokenGroups: 2 }, sizes)
  const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]))
  assert.deepEqual(shapes, {
    sample: [2, 1, 2, 4],
    timestep: [2],
    context: [2, 6, 2],
    selector: [2, 6, 2],
    promptOf: [6],
    promptBias0: [2, 1, 8, 2],
    promptBias1: [2, 1, 2, 2],
    index0: [2, 8],
    queryClass0: [2, 8, 8],
    keyMask0: [2, 8, 8],
  })
  const values = (name: string) => Array.from(feeds[name]!.data, Number)
  assert.deepEqual(values('timestep'), [700, 700])
  assert.deepEqual(values('context'), [
    ...Array(6).fill(1),
    ...Array(6).fill(0),
    ...Array(6).fill(3),
    ...Array(6).fill(4),
  ])
  assert.deepEqual(values('selector'), [...Array(12).fill(0), ...Array(12).fill(0.5)])
  assert.deepEqual(values('promptOf'), [0, 0, 0, 1, 1, 1])
  const [own, masked] = [0, -30000]
  assert.deepEqual(values('promptBias1'), [...[own, masked], ...[own, masked], ...[own, masked], ...[masked, own]])
})

test('shared pixels make keys longer, and slots are fed only where there are some', () => {
  const sharedPixels = [[[9, 10], []]]
  const { index0, queryClass0 } = denoiserFeeds({ rows, grid, timestep: 1, sharedPixels, tokenGroups: 2 }, sizes)
  assert.deepEqual(index0!.shape, [2, 10])
  assert.deepEqual(Array.from(index0!.data as BigInt64Array, Number).slice(0, 10), [0, 1, 2, 3, 4, 5, 6, 7, 9, 10])
  assert.deepEqual(queryClass0!.shape, [2, 8, 8])
  const tokens = [Float32Array.of(5, 6)]
  const call = (slots: NonNullable<DenoiserCall['identities']>['slots']): DenoiserCall => ({
    ...{ rows, grid, timestep: 1, tokenGroups: 2 },
    identities: { tokens, slots },
  })
  assert.equal(hasSlots(call([])), false)
  assert.equal(denoiserFeeds(call([]), sizes).identities, undefined)
  const mask = Float32Array.of(1, 1, 0, 0, 1, 1, 0, 0)
  const feeds = denoiserFeeds(call([{ row: 1, references: [0], mask }]), sizes)
  assert.deepEqual([...feeds.slotRows!.data], [0, 1])
  assert.deepEqual([...feeds.slotMask1!.data], [1, 0])
})

test('a row of another size is refused with its number', () => {
  const wrong = [rows[0]!, { ...rows[0]!, latent: new Float32Array(7) }]
  assert.throws(
    () => denoiserFeeds({ rows: wrong, grid, timestep: 1 }, sizes),
    /row 1 of a batch has 7 values, not \[1,2,4\]/,
  )
})

function blocks() {
  return {
    down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
    up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  }
}
