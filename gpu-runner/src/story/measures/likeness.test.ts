import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../../lab/storydb/random.ts'
import { centred, fitLogistic, sameness } from './likeness.ts'

const r = random(3, 1)
const normal = () => Math.sqrt(-2 * Math.log(1 - r.next())) * Math.cos(2 * Math.PI * r.next())

test('centred takes the usual away and leaves length 1; nothing stays nothing', () => {
  const out = centred(Float32Array.of(3, 1, 5), Float32Array.of(0, 1, 1))
  assert.deepEqual(
    [...out].map((value) => value.toFixed(4)),
    ['0.6000', '0.0000', '0.8000'],
  )
  assert.deepEqual([...centred(Float32Array.of(2, 1), Float32Array.of(2, 1))], [0, 0])
  assert.throws(() => centred(Float32Array.of(1), Float32Array.of(1, 2)), /1 values and 2 usual/)
})

test('fitLogistic finds the curve that made the labels, and no neighbour of it is likelier', () => {
  // Two normal distributions of the same width have a logistic posterior: slope (m1 − m2) / s², a half midway.
  const [same, different] = [
    Array.from({ length: 4000 }, () => 0.7 + 0.2 * normal()),
    Array.from({ length: 9000 }, () => 0.1 + 0.2 * normal()),
  ]
  const curve = fitLogistic(same, different)
  assert.ok(Math.abs(curve.slope - 15) < 1.5, `slope ${curve.slope}`)
  assert.ok(Math.abs(-curve.offset / curve.slope - 0.4) < 0.02, `a half at ${-curve.offset / curve.slope}`)
  const likelihood = (slope: number, offset: number) => {
    let [own, other] = [0, 0]
    for (const x of same) own += Math.log(sameness(x, { slope, offset })) / same.length
    for (const x of different) other += Math.log(1 - sameness(x, { slope, offset })) / different.length
    return own + other
  }
  const best = likelihood(curve.slope, curve.offset)
  for (const [ds, offset] of [
    [0.3, 0],
    [-0.3, 0],
    [0, 0.1],
    [0, -0.1],
  ] as const)
    assert.ok(likelihood(curve.slope + ds, curve.offset + offset) < best)
})

test('one kind alone, and kinds that do not overlap, have no curve', () => {
  assert.throws(() => fitLogistic([], [1]), /0 pairs of the same and 1 of different/)
  assert.throws(() => fitLogistic([0.9, 0.8], [0.1, 0.2]), /do not overlap/)
})
