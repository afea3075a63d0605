import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { input, type Value } from '../graph/value.ts'
import { modelWeights } from '../runtime/model-weights.ts'
import { openSession } from '../runtime/session.ts'
import { recordMaps } from './attention-maps.ts'
import { crossAttentionLayers } from './ip-adapter.ts'
import { unet } from './unet.ts'
import { parseUNetConfig } from './unet-config.ts'

const folder = join(import.meta.dirname, '../../../../test/golden/unet-eps-probe')
const config = parseUNetConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))

test('recordMaps: for every cross-attention layer, probabilities at any size, and the same prediction', async () => {
  const inputs = {
    sample: input('sample', ['batch', config.inChannels, 'height', 'width']),
    timestep: input('timestep', ['batch']),
    context: input('context', ['batch', 'tokens', config.contextWidth]),
  }
  const weights = modelWeights(folder, 'diffusion_pytorch_model')
  const maps = new Map<string, Value>()
  const recorded = unet(inputs, weights, config, { cross: recordMaps(maps) })
  assert.deepEqual([...maps.keys()].sort(), crossAttentionLayers(config).sort())
  const outputs = { ...Object.fromEntries(maps), recorded, plain: unet(inputs, weights, config) }
  const session = await openSession(outputs, { weights: folder })
  const wave = (shape: number[]) => ({
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
    shape,
  })
  const {
    recorded: with_,
    plain,
    ...found
  } = await session.run({
    sample: wave([2, config.inChannels, 8, 12]),
    timestep: { data: Float32Array.of(7, 700), shape: [2] },
    context: wave([2, 5, config.contextWidth]),
  })
  await session.close()
  assert.deepEqual(with_, plain)
  for (const [name, { data, shape }] of Object.entries(found)) {
    assert.equal(shape.at(-1), 5, name)
    assert.equal((shape[2]! * 8) / shape[1]!, 12, name)
    for (let i = 0; i < data.length; i += 5) {
      const sum = [...data.slice(i, i + 5)].reduce<number>((a, b) => a + Number(b), 0)
      assert.ok(Math.abs(sum - 1) < 1e-5, `${name}: probabilities sum to ${sum}`)
    }
  }
})
