import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gaussian, type NoiseKey, philox4x32 } from './noise.ts'

const key: NoiseKey = { seed: 7, story: 'st_1', frame: '0', stream: 0 }

test("Philox4x32-10 gives Random123's known answers", () => {
  const ones = 0xffffffff
  assert.deepEqual(philox4x32([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  assert.deepEqual(philox4x32([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  assert.deepEqual(
    philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  )
})

test('noise has the moments and the tails of the normal distribution', () => {
  const n = 200_000
  const values = gaussian(key, n)
  const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / n
  for (const [k, expected, deviation] of [
    [1, 0, 1],
    [2, 1, Math.sqrt(2)],
    [3, 0, Math.sqrt(15)],
    [4, 3, Math.sqrt(96)],
  ] as const) {
    assert.ok(Math.abs(moment(k) - expected) < (4 * deviation) / Math.sqrt(n), `moment ${k}: ${moment(k)}`)
  }
  const within = values.filter((x) => Math.abs(x) < 1.96).length / n
  assert.ok(Math.abs(within - 0.95) < 0.002, `${within} within 1.96`)
  const lag = values.reduce((sum, x, i) => sum + x * (values[i + 1] ?? 0), 0) / n
  assert.ok(Math.abs(lag) < 4 / Math.sqrt(n), `neighbours correlate by ${lag}`)
})

test('a draw depends on its key alone, and a longer one continues a shorter one', () => {
  const alone = gaussian(key, 10)
  gaussian({ ...key, frame: '1' }, 1000)
  assert.deepEqual(gaussian(key, 10), alone)
  assert.deepEqual(gaussian(key, 37).slice(0, 10), alone)
  assert.deepEqual(gaussian({ ...key, seed: 7n }, 10), alone)
  assert.equal(gaussian(key, 0).length, 0)
})

test('every part of the key matters, and parts do not run together', () => {
  const others: NoiseKey[] = [
    { ...key, seed: 8 },
    { ...key, seed: 7n + 2n ** 64n },
    { ...key, story: 'st_2' },
    { ...key, frame: '1' },
    { ...key, stream: 1 },
    { ...key, story: 'st_', frame: '10' },
    { ...key, story: 'st_1","0', frame: '' },
  ]
  const first = [key, ...others].map((k) => gaussian(k, 4).join())
  assert.equal(new Set(first).size, first.length)
})

test('a key that is no key is refused', () => {
  assert.throws(() => gaussian({ ...key, seed: 0.5 }, 4), /seed 0\.5/)
  assert.throws(
    () => gaussian({ ...key, seed: 2 ** 60 }, 4),
    /seed 1152921504606847000 is no integer that a number holds exactly/,
  )
  assert.throws(() => gaussian({ ...key, stream: -1 }, 4), /stream -1/)
})
