import assert from 'node:assert/strict'
import { cpSync, truncateSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { input } from '../graph/value.ts'
import { readConfig } from '../io/config.ts'
import { type NewTensor, openCheckpoint, SafetensorsError, writeSafetensors } from '../io/safetensors.ts'
import { ClipTextConfig, clipText } from '../models/clip-text.ts'
import { assertFinite, BrokenWeights, NotFiniteError } from './finite.ts'
import { openWeights } from './model-weights.ts'
import { openSession } from './session.ts'

const golden = join(import.meta.dirname, '../../../../test/golden/e2e-sd15-tiny/pipeline/text_encoder')

test('an output that is not finite names the part, the step and the broken tensor', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'finite-'))
  t.after(() => rm(folder, { recursive: true }))
  cpSync(golden, folder, { recursive: true })
  const source = openCheckpoint(golden, 'model')
  const broken = 'text_model.encoder.layers.1.mlp.fc1.weight'
  const tensors: Record<string, NewTensor> = {}
  for (const [name, { shape }] of source.tensors) {
    const data = source.read(name)
    if (name === broken) data[7] = Number.NaN
    tensors[name] = { dtype: 'F16', shape, data }
  }
  writeSafetensors(join(folder, 'model.safetensors'), tensors)

  const { weights, root, checkpoints } = openWeights(folder, 'model')
  const config = readConfig(join(folder, 'config.json'), ClipTextConfig.parse)
  const session = await openSession(
    { last: clipText(input('ids', [1, 4], 'int64'), weights, config).last },
    { weights: root },
  )
  const { last } = await session.run({ ids: { data: BigInt64Array.of(1n, 2n, 3n, 4n), shape: [1, 4] } })
  await session.close()
  assert.throws(
    () => assertFinite(last!.data as Float32Array, { part: 'text_encoder', step: 3 }, checkpoints),
    (error) => {
      assert.ok(error instanceof BrokenWeights)
      assert.deepEqual(
        [error.part, error.tensor, error.path],
        ['text_encoder', broken, join(folder, 'model.safetensors')],
      )
      assert.match(error.message, /^text_encoder, step 3: tensor '.*fc1\.weight' in .*\.safetensors is not finite at 7/)
      assert.match(error.message, /: 96 of 96 outputs are not finite, the first \(NaN\) at 0$/)
      return true
    },
  )
})

test('a file that was cut after it was opened is broken too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'finite-'))
  t.after(() => rm(folder, { recursive: true }))
  cpSync(golden, folder, { recursive: true })
  const checkpoints = [openCheckpoint(folder, 'model')]
  truncateSync(join(folder, 'model.safetensors'), 5000)
  assert.throws(
    () => assertFinite(Float32Array.of(Number.NaN), { part: 'text_encoder' }, checkpoints),
    (error) => {
      assert.ok(error instanceof BrokenWeights && error.cause instanceof SafetensorsError)
      return /^text_encoder: tensor '.*' in .*model\.safetensors cannot be read any more: /.test(error.message)
    },
  )
})

test('finite weights are said to be finite, and finite values pass', () => {
  const sound = [openCheckpoint(golden, 'model')]
  const values = Float32Array.of(1, -3e38, Number.POSITIVE_INFINITY, 0)
  const problem = /vae: 1 of 4 outputs are not finite, the first \(Infinity\) at 2; its weights are finite; try/
  assert.throws(() => assertFinite(values, { part: 'vae' }, sound), problem)
  assert.throws(() => assertFinite(values, { part: 'vae' }, sound), NotFiniteError)
  assert.throws(() => assertFinite(values, { part: 'vae' }), /at 2; try/)
  assertFinite(Float32Array.of(0, -3e38, 1e-45), { part: 'vae' })
})
