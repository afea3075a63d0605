import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { matmul } from '../graph/matmul.ts'
import { input, weight } from '../graph/value.ts'
import { readConfig } from '../io/config.ts'
import {
  type Checkpoint,
  filesCheckpoint,
  type NewTensor,
  openCheckpoint,
  writeSafetensors,
} from '../io/safetensors.ts'
import { transposed } from '../io/tensor-views.ts'
import { ClipTextConfig, clipText } from '../models/clip-text.ts'
import { WeightError } from '../nn/weights.ts'
import { modelWeights, openWeights, storedWeights } from './model-weights.ts'
import { openSession, SessionError } from './session.ts'

/** F16 in the file, so that every value is one in F32 too, and rounded once in BF16. */
const golden = join(import.meta.dirname, '../../../../test/golden/e2e-sd15-tiny/pipeline/text_encoder')
const ids = BigInt64Array.from({ length: 16 }, (_, i) => BigInt(i * 91))

test('the same numbers in F32, F16 and BF16, in one file, in shards and through links', async (t) => {
  const folder = await scratch(t)
  const source = openCheckpoint(golden, 'model')
  const rounded = write(join(folder, 'bf16'), source, 'BF16')
  write(join(folder, 'f32'), source, 'F32')
  write(join(folder, 'f16'), source, 'F16')
  write(join(folder, 'rounded-f32'), rounded, 'F32')
  shard(join(folder, 'sharded'), source, 3)
  mkdirSync(join(folder, 'blobs'))
  mkdirSync(join(folder, 'snapshot'))
  copyFileSync(join(golden, 'model.safetensors'), join(folder, 'blobs/c0ffee'))
  symlinkSync('../blobs/c0ffee', join(folder, 'snapshot/model.safetensors'))

  const expected = await hidden(golden)
  for (const name of ['f32', 'f16', 'sharded', 'snapshot']) close(await hidden(join(folder, name)), expected, name)
  close(await hidden(join(folder, 'bf16')), await hidden(join(folder, 'rounded-f32')), 'bf16')
  // BF16 keeps three digits: the same model, but not to the last bit.
  assert.throws(
    () =>
      close(
        [...expected].map((x) => x * 1.001),
        expected,
        '',
      ),
    /AssertionError|differs/,
  )
})

test('floats of 8 bits are widened to the numbers that they stand for, and matrices are seen the other way round', async (t) => {
  const folder = await scratch(t)
  const path = join(folder, 'model.safetensors')
  // 2⁻⁹ and 448, the least and the largest of E4M3; −1.75; 2⁻¹⁶ and 57344 of E5M2.
  const e4m3 = { dtype: 'F8_E4M3', shape: [2, 2], data: Uint8Array.of(0x01, 0x7e, 0xbe, 0x38) } as const
  const e5m2 = { dtype: 'F8_E5M2', shape: [2, 2], data: Uint8Array.of(0x01, 0x7b, 0xbc, 0x00) } as const
  writeSafetensors(path, { e4m3, e5m2 })
  const numbers = { e4m3: [2 ** -9, 448, -1.75, 1], e5m2: [2 ** -16, 57_344, -1, 0] }
  const file = openCheckpoint(folder, 'model')
  const turned = filesCheckpoint(path, new Map([...file.tensors].map(([name, info]) => [name, transposed(info)])), {})
  const unit = { x: { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] } }
  for (const [name, [a, b, c, d]] of Object.entries(numbers)) {
    assert.deepEqual([...file.read(name)], [a, b, c, d])
    assert.deepEqual([...turned.read(name)], [a, c, b, d])
    const y = (from: Checkpoint) => matmul(input('x', [2, 2]), storedWeights(from, folder).get(name, [2, 2]))
    const session = await openSession({ own: y(file), turned: y(turned) }, { weights: folder })
    const out = await session.run(unit)
    await session.close()
    assert.deepEqual([...(out.own!.data as Float32Array)], [a, b, c, d])
    assert.deepEqual([...(out.turned!.data as Float32Array)], [a, c, b, d])
  }
})

test('a tensor that is missing, of another shape or of another type is refused by file and name', async (t) => {
  const folder = await scratch(t)
  const source = openCheckpoint(golden, 'model')
  const name = 'text_model.final_layer_norm.bias'
  const change = (part: string, tensor: NewTensor | null) => {
    const tensors = tensorsOf(source, 'F32')
    if (tensor) tensors[name] = tensor
    else delete tensors[name]
    mkdirSync(join(folder, part))
    writeSafetensors(join(folder, part, 'model.safetensors'), tensors)
  }
  change('missing', null)
  change('shape', { dtype: 'F32', shape: [25], data: new Float32Array(25) })
  change('type', { dtype: 'U8', shape: [24], data: new Uint8Array(24) })
  for (const [part, problem] of [
    ['missing', /missing\/model\.safetensors: text_model\.final_layer_norm\.bias: the checkpoint has no such tensor/],
    [
      'shape',
      /shape\/model\.safetensors: text_model\.final_layer_norm\.bias: has shape \[25\], the model needs \[24\]/,
    ],
    ['type', /type\/model\.safetensors: text_model\.final_layer_norm\.bias: has the type U8/],
  ] as const)
    await assert.rejects(hidden(join(folder, part)), (e) => e instanceof WeightError && problem.test(e.message))
})

test('onnxruntime never reads past a file: a range beyond it, or a file cut meanwhile, is refused', async (t) => {
  const folder = await scratch(t)
  const path = join(folder, 'model.safetensors')
  writeSafetensors(path, { w: { dtype: 'F32', shape: [64, 64], data: new Float32Array(4096) } })
  const product = (w: ReturnType<typeof weight>) => ({ y: matmul(input('x', [1, 64]), w) })
  const { offset, length } = openCheckpoint(folder, 'model').tensors.get('w')!
  for (const data of [
    { location: 'model.safetensors', offset: offset + 4, length },
    { location: 'model.safetensors', offset: 2 ** 50, length },
    { location: 'model.safetensors', offset, length: length - 4 },
    { location: '../model.safetensors', offset, length },
  ])
    await assert.rejects(
      openSession(product(weight('w', [64, 64], 'float32', data)), { weights: folder }),
      SessionError,
    )

  const weights = modelWeights(folder, 'model')
  truncateSync(path, offset + length - 1)
  await assert.rejects(openSession(product(weights.get('w', [64, 64])), { weights: folder }), /out of bounds/)
  assert.throws(() => openWeights(folder, 'model'), /bytes 0 to 16384 are not within/)
})

test('files outside of the weights folder are refused before onnxruntime sees them', async (t) => {
  const folder = await scratch(t)
  mkdirSync(join(folder, 'other'))
  assert.throws(() => modelWeights(golden, 'model', join(folder, 'other')), /is not below the weights folder/)
})

/** Last hidden states of the text model in `folder` for fixed ids. */
async function hidden(folder: string): Promise<Float32Array> {
  const config = readConfig(join(golden, 'config.json'), ClipTextConfig.parse)
  const { weights, root } = openWeights(folder, 'model')
  const { last } = clipText(input('ids', [1, ids.length], 'int64'), weights, config)
  const session = await openSession({ last }, { weights: root, threads: 1 })
  try {
    return (await session.run({ ids: { data: ids, shape: [1, ids.length] } })).last!.data as Float32Array
  } finally {
    await session.close()
  }
}

function tensorsOf(source: Checkpoint, dtype: 'F32' | 'F16' | 'BF16'): Record<string, NewTensor> {
  const names = [...source.tensors.keys()]
  return Object.fromEntries(
    names.map((name) => [name, { dtype, shape: source.tensors.get(name)!.shape, data: source.read(name) }]),
  )
}

function write(folder: string, source: Checkpoint, dtype: 'F32' | 'F16' | 'BF16'): Checkpoint {
  mkdirSync(folder)
  writeSafetensors(join(folder, 'model.safetensors'), tensorsOf(source, dtype))
  return openCheckpoint(folder, 'model')
}

function shard(folder: string, source: Checkpoint, count: number): void {
  mkdirSync(folder)
  const map: Record<string, string> = {}
  const all = Object.entries(tensorsOf(source, 'F16'))
  for (let i = 0; i < count; i++) {
    const file = `model-0000${i + 1}-of-0000${count}.safetensors`
    const own = all.filter((_, k) => k % count === i)
    writeSafetensors(join(folder, file), Object.fromEntries(own))
    for (const [name] of own) map[name] = file
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  assert.equal(readdirSync(folder).length, count + 1)
}

function close(got: ArrayLike<number>, expected: Float32Array, name: string): void {
  for (const [i, value] of expected.entries())
    if (!(Math.abs(got[i]! - value) <= 2e-6 * Math.max(1, Math.abs(value))))
      assert.fail(`${name}: value ${i} differs: ${got[i]} and ${value}`)
}

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'weights-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}
