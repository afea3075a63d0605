import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from './half.ts'

test('every half comes back from float32 with the same bits, NaNs aside', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
  const isNumber = (half: number) => (half & 0x7fff) <= 0x7c00
  assert.deepEqual(toHalf(fromHalf(bits)).filter(isNumber), bits.filter(isNumber))
  assert.ok(fromHalf(Uint16Array.of(0x7e00)).every(Number.isNaN))
})

test('known halves: one, the largest, the smallest, infinity', () => {
  assert.deepEqual([...fromHalf(Uint16Array.of(0x3c00, 0x7bff, 0x0001, 0xfc00))], [1, 65504, 2 ** -24, -Infinity])
  assert.deepEqual([...toHalf(Float32Array.of(65520, 1 + 2 ** -11, 1 + 3 * 2 ** -11))], [0x7c00, 0x3c00, 0x3c02])
})

test('bfloat16 rounds to nearest, ties to even, and keeps NaN and infinity', () => {
  const values = Float32Array.of(1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, Infinity)
  assert.deepEqual([...toBfloat16(values)], [0x3f80, 0xc020, 0x3f80, 0x3f82, 0x7f80])
  assert.deepEqual([...fromBfloat16(Uint16Array.of(0x3f80, 0xc020))], [1, -2.5])
  const nan = new Float32Array(Uint32Array.of(0x7fffffff, 0x7f800001).buffer)
  assert.ok(fromBfloat16(toBfloat16(nan)).every(Number.isNaN))
})
