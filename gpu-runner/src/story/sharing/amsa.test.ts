import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attendsTo, chooseAnchors, foreignPixels, type SharedImage } from './amsa.ts'

const mask = (...bits: number[]) => Uint8Array.from(bits)
const all = { drop: 0, step: 3 }
const image = (depicts: boolean[], anchorFor: boolean[], more: Partial<SharedImage> = {}): SharedImage => ({
  ...{ seed: 1, depicts, anchorFor, generation: 0, isGiven: false },
  ...more,
})

test('the first two frames of each character are anchors, unless its anchors are there already', () => {
  const depicts = [
    [true, false],
    [false, true],
    [true, true],
    [true, true],
    [false, false],
  ]
  const none = [false, false]
  assert.deepEqual(chooseAnchors(depicts), [[true, false], [false, true], [true, true], none, none])
  assert.deepEqual(chooseAnchors(depicts, [true, false]), [none, [false, true], [false, true], none, none])
  assert.deepEqual(chooseAnchors([[], []]), [[], []])
})

test('an image attends to the pixels of shared characters in anchors, never its own, never those of frames that are none', () => {
  const masks = [
    [mask(1, 1, 0, 0), null],
    [mask(0, 1, 0, 0), mask(0, 0, 1, 1)],
    [mask(0, 0, 1, 0), null],
  ]
  const depicts = masks.map((frame) => frame.map((own) => own !== null))
  const anchors = depicts.map((own) => image(own, own))
  const plain = image(depicts[2]!, [false, false])
  const seen = (images: SharedImage[]) => foreignPixels(images, masks, 4, all)
  assert.deepEqual(seen([anchors[0]!, anchors[1]!, plain]), [[5], [0, 1], [0, 1, 5]])
  assert.deepEqual(seen(anchors)[1], [0, 1, 10])
  // No frame attends to an anchor for a character other than the one it is there for.
  assert.deepEqual(seen([anchors[0]!, image(depicts[1]!, [false, true]), plain]), [[], [0, 1], [0, 1]])
})

test('an anchor attends to none that came after it, and one whose latents are given to nobody', () => {
  const one = (isAnchor: boolean, more?: Partial<SharedImage>) => image([true], [isAnchor], more)
  const images = [one(false), one(true), one(true, { generation: 1 }), one(true, { isGiven: true })]
  const expected = [[1, 2, 3], [3], [1, 3], []]
  assert.deepEqual(attendsTo(images), expected)
  const masks = images.map(() => [mask(1)])
  assert.deepEqual(foreignPixels(images, masks, 1, all), expected)
})

test('what is left out of an anchor is the same for all who attend, changes with the step, and has the asked-for share', () => {
  const full = Uint8Array.from({ length: 4096 }, () => 1)
  const masks = [[full], [full], [full]]
  const images = [image([true], [true], { seed: 2 ** 40 + 7 }), image([true], [false]), image([true], [false])]
  const at = (step: number, drop = 0.5) => foreignPixels(images, masks, 4096, { drop, step })
  const [, first, second] = at(3)
  assert.deepEqual(first, second)
  assert.notDeepEqual(at(4)[1], first)
  assert.ok(Math.abs(first!.length / 4096 - 0.5) < 0.05, `${first!.length} of 4096 kept`)
  assert.deepEqual(at(3, 1)[1], [])
  // Wherever the anchor is among the images.
  const [moved] = foreignPixels([images[1]!, images[0]!, images[2]!], masks, 4096, { drop: 0.5, step: 3 })
  assert.deepEqual(
    moved,
    first!.map((pixel) => pixel + 4096),
  )
})

test('an image attends to the anchors of its characters, never to itself', () => {
  const depicts = [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ]
  const images = (...anchors: boolean[]) =>
    depicts.map((own, i) =>
      image(
        own,
        own.map((here) => here && anchors[i]!),
      ),
    )
  assert.deepEqual(attendsTo(images(true, true, false, false)), [[], [], [0, 1], []])
  assert.deepEqual(attendsTo(images(true, true, true, false)), [[2], [2], [0, 1], []])
})
