import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseAnchors, foreignPixels, looksAt } from './sharing.ts'

const mask = (...bits: number[]) => Uint8Array.from(bits)
const all = { drop: 0, seed: 1, step: 3 }

test('the first two frames of each character are anchors', () => {
  const present = [
    [true, false],
    [false, true],
    [true, true],
    [true, true],
    [false, false],
  ]
  assert.deepEqual(chooseAnchors(present), [true, true, true, false, false])
  assert.deepEqual(chooseAnchors([[], []]), [false, false])
})

test('a frame sees the pixels of shared characters in anchors, never its own, never those of frames that are none', () => {
  const masks = [
    [mask(1, 1, 0, 0), null],
    [mask(0, 1, 0, 0), mask(0, 0, 1, 1)],
    [mask(0, 0, 1, 0), null],
  ]
  assert.deepEqual(foreignPixels(masks, [true, true, false], 4, all), [[5], [0, 1], [0, 1, 5]])
  assert.deepEqual(foreignPixels(masks, [true, true, true], 4, all)[1], [0, 1, 10])
})

test('what is left out of an anchor is the same for all who look, changes with the step, and has the asked-for share', () => {
  const full = Uint8Array.from({ length: 4096 }, () => 1)
  const masks = [[full], [full], [full]]
  const at = (step: number) => foreignPixels(masks, [true, false, false], 4096, { drop: 0.5, seed: 1, step })
  const [, first, second] = at(3)
  assert.deepEqual(first, second)
  assert.notDeepEqual(at(4)[1], first)
  assert.ok(Math.abs(first!.length / 4096 - 0.5) < 0.05, `${first!.length} of 4096 kept`)
  assert.deepEqual(foreignPixels(masks, [true, false, false], 4096, { drop: 1, seed: 1, step: 3 })[1], [])
})

test('a frame looks at the anchors that show one of its characters, never at itself', () => {
  const present = [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ]
  assert.deepEqual(looksAt(present, [true, true, false, false]), [[], [], [0, 1], []])
  assert.deepEqual(looksAt(present, [true, true, true, false]), [[2], [2], [0, 1], []])
})
