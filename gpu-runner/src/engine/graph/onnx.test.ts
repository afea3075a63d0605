import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cast } from './arithmetic.ts'
import { linear } from './matmul.ts'
import { encodeModel } from './onnx.ts'
import { input, type Value, weight } from './value.ts'

test('casts of stored weights are written before all other nodes, so that onnxruntime runs each beside its reader', () => {
  const layer = (x: Value, i: number) => {
    const data = { location: 'w', offset: 128 * i, length: 128 }
    return linear(x, cast(weight(`w${i}`, [8, 8], 'float16', data), 'float32'), null)
  }
  const text = Buffer.from(encodeModel({ y: layer(layer(input('x', [1, 8]), 0), 1) })).toString('latin1')
  const ops = [...text.matchAll(/Cast|FusedMatMul/g)].map(([op]) => op)
  assert.deepEqual(ops, ['Cast', 'Cast', 'FusedMatMul', 'FusedMatMul'])
})
