import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseAnchors, foreignPixels, looksAt, type SharingRow } from './sharing.ts'

const mask = (...bits: number[]) => Uint8Array.from(bits)
const all = { drop: 0, step: 3 }
const row = (shows: boolean[], more: Partial<SharingRow> = {}): SharingRow => ({
  ...{ seed: 1, shows, generation: 0, isGiven: false },
  ...more,
})

test('the first two frames of each character are anchors, unless its anchors are there already', () => {
  const present = [
    [true, false],
    [false, true],
    [true, true],
    [true, true],
    [false, false],
  ]
  const none = [false, false]
  assert.deepEqual(chooseAnchors(present), [[true, false], [false, true], [true, true], none, none])
  assert.deepEqual(chooseAnchors(present, [true, false]), [none, [false, true], [false, true], none, none])
  assert.deepEqual(chooseAnchors([[], []]), [[], []])
})

test('a frame sees the pixels of shared characters in anchors, never its own, never those of frames that are none', () => {
  const masks = [
    [mask(1, 1, 0, 0), null],
    [mask(0, 1, 0, 0), mask(0, 0, 1, 1)],
    [mask(0, 0, 1, 0), null],
  ]
  const present = masks.map((frame) => frame.map((own) => own !== null))
  const anchors = present.map((own) => row(own))
  const plain = row([false, false])
  const seen = (rows: SharingRow[]) => foreignPixels(masks, present, rows, 4, all)
  assert.deepEqual(seen([anchors[0]!, anchors[1]!, plain]), [[5], [0, 1], [0, 1, 5]])
  assert.deepEqual(seen(anchors)[1], [0, 1, 10])
  // An anchor that is there for one of its characters is looked at for no other.
  assert.deepEqual(seen([anchors[0]!, row([false, true]), plain]), [[], [0, 1], [0, 1]])
})

test('an anchor sees none that came after it, and one whose latents are given sees nobody', () => {
  const present = [[true], [true], [true], [true]]
  const rows = [row([false]), row([true]), row([true], { generation: 1 }), row([true], { isGiven: true })]
  const expected = [[1, 2, 3], [3], [1, 3], []]
  assert.deepEqual(looksAt(present, rows), expected)
  const masks = present.map(() => [mask(1)])
  assert.deepEqual(foreignPixels(masks, present, rows, 1, all), expected)
})

test('what is left out of an anchor is the same for all who look, changes with the step, and has the asked-for share', () => {
  const full = Uint8Array.from({ length: 4096 }, () => 1)
  const masks = [[full], [full], [full]]
  const present = masks.map(() => [true])
  const rows = [row([true], { seed: 2 ** 40 + 7 }), row([false]), row([false])]
  const at = (step: number, drop = 0.5) => foreignPixels(masks, present, rows, 4096, { drop, step })
  const [, first, second] = at(3)
  assert.deepEqual(first, second)
  assert.notDeepEqual(at(4)[1], first)
  assert.ok(Math.abs(first!.length / 4096 - 0.5) < 0.05, `${first!.length} of 4096 kept`)
  assert.deepEqual(at(3, 1)[1], [])
  // Wherever the anchor stands among the rows.
  const [moved] = foreignPixels(masks, present, [rows[1]!, rows[0]!, rows[2]!], 4096, { drop: 0.5, step: 3 })
  assert.deepEqual(
    moved,
    first!.map((pixel) => pixel + 4096),
  )
})

test('a frame looks at the anchors that show one of its characters, never at itself', () => {
  const present = [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ]
  const rows = (...anchors: boolean[]) => present.map((own, i) => row(own.map((here) => here && anchors[i]!)))
  assert.deepEqual(looksAt(present, rows(true, true, false, false)), [[], [], [0, 1], []])
  assert.deepEqual(looksAt(present, rows(true, true, true, false)), [[2], [2], [0, 1], []])
})
