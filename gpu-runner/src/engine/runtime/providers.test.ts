import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { randn } from '../../../../test/gradient.ts'
import { encodeModel, inOrder } from '../graph/onnx.ts'
import { input, type Value } from '../graph/value.ts'
import { unet } from '../models/unet.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import { DeviceUnavailable } from './device.ts'
import { modelWeights } from './model-weights.ts'
import { fit, largestError } from './providers.ts'
import { openAsIs, openModel } from './session.ts'
import type { HostTensor, Session } from './tensor.ts'

const folder = join(import.meta.dirname, '../../../../test/golden/e2e-sd15-tiny/pipeline/unet')
const config = parseUNetConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
const feeds: Record<string, HostTensor> = {
  sample: randn([2, 4, 8, 8], 1),
  timestep: { data: Float32Array.of(981, 7), shape: [2] },
  context: randn([2, 77, config.contextWidth], 2),
}
const inputs = {
  sample: input('sample', ['batch', 4, 'height', 'width']),
  timestep: input('timestep', ['batch']),
  context: input('context', ['batch', 'tokens', config.contextWidth]),
}
const out = unet(inputs, modelWeights(folder, 'diffusion_pytorch_model'), config)

/** Stands in for a device by computing on the CPU; its fused attention is off by `error`. */
const standIn = (error: number) => async (outputs: Readonly<Record<string, Value>>, device: string) => {
  const session = await openAsIs(outputs, 'cpu')
  if (device === 'cpu' || error === 0) return session
  const run: Session['run'] = async (given) => {
    const results = await session.run(given)
    for (const { data } of Object.values(results)) data[0] = Number(data[0]) + error
    return results
  }
  return { ...session, run }
}

// First, because a device that was found is not searched for again.
test('a device that is not there is a typed error in onnxruntime’s words, and is looked for again', async () => {
  let tries = 0
  const absent = async () => {
    tries++
    throw new Error('/src/context.cc:1 adapter was false. Failed to get a GPU\n')
  }
  for (const device of ['webgpu', 'webgpu'] as const)
    await assert.rejects(
      fit({ out }, device, absent),
      (error) =>
        error instanceof DeviceUnavailable && /^webgpu cannot be used here: Failed to get a GPU;/.test(error.message),
    )
  assert.equal(tries, 2)
})

test('a UNet as CUDA computes it is well formed, and the one the CPU computes', async () => {
  const fitted = await fit({ out }, 'cuda', standIn(0))
  assert.deepEqual(ops(fitted), ops({ out }), 'no op is swapped where fused attention is right')
  await computesTheSame(fitted)
})

test('a UNet as WebGPU computes it has no op that it lacks or gets wrong, and computes the same', async () => {
  const fitted = await fit({ out }, 'webgpu', standIn(0.5))
  const used = ops(fitted)
  for (const op of ['MultiHeadAttention', 'FusedMatMul', 'InstanceNormalization'])
    assert.ok(ops({ out }).has(op) && !used.has(op), op)
  const angles = inOrder(Object.values(fitted)).filter(({ op }) => op === 'Sin' || op === 'Cos')
  assert.deepEqual(new Set(angles.map(({ inputs }) => inputs[0]?.dtype)), new Set(['float64']))
  await computesTheSame(fitted)
})

test('the CPU gets the graph as it is', async () => {
  const outputs = { out }
  assert.equal(await fit(outputs, 'cpu', standIn(0)), outputs)
})

test('NaN and a wrong value are errors, a last digit is hardly one', () => {
  const tensor = (...values: number[]) => ({ data: Float32Array.from(values), shape: [values.length] })
  assert.equal(largestError(tensor(1, Number.NaN), tensor(1, 2)), Infinity)
  assert.equal(largestError(tensor(1, 3), tensor(1, 2)), 0.5)
})

function ops(outputs: Readonly<Record<string, Value>>): Set<string> {
  return new Set(inOrder(Object.values(outputs)).map(({ op }) => op))
}

async function computesTheSame(fitted: Readonly<Record<string, Value>>): Promise<void> {
  const results: HostTensor[] = []
  for (const outputs of [{ out }, fitted]) {
    const session = await openModel(encodeModel(outputs), { weights: folder })
    results.push((await session.run(feeds)).out!)
    await session.close()
  }
  assert.deepEqual(results[1]!.shape, results[0]!.shape)
  assert.ok(largestError(results[1]!, results[0]!) < 1e-5)
}
