import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainReference, seenRegions } from '../../story/references/cut-out.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import { randomAt } from './random.ts'
import { cutOutOf, shuffledReference } from './references.ts'

const size = 128
const [frame] = randomFrames(3, 1, 1, { level: 1, split: 'train' })
const rendered = renderFrame(frame!, size)
const reference = cutOutOf(rendered, 0, size, 96)!

test('a cut-out holds the whole character, with room around it', () => {
  const [left, top, right, bottom] = reference.box
  assert.ok(left > 0 && top > 0 && right < 96 && bottom < 96)
  assert.ok(Math.max(right - left, bottom - top) > 70)
  const area = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0)
  const scale = Math.max(right - left, bottom - top) / 96
  assert.ok(scale > 0.8 && scale < 0.87, `the character takes up ${scale} of the side`)
  assert.ok(area(reference.alpha) > 0.2 * 255 * 96 ** 2)
  assert.deepEqual(seenRegions(reference), ['whole', 0, 1, 2])
})

test('a character that is hidden gives no reference', () => {
  const hidden = { ...rendered.characters[0]!, mask: new Uint8Array(size * size) }
  assert.equal(cutOutOf({ ...rendered, characters: [hidden] }, 0, size, 96), null)
  assert.deepEqual(seenRegions(null), [])
})

test('a plain reference is white behind the character, and a part is the band of rows around it', () => {
  const planes = plainReference(reference, 'whole', 64)
  assert.ok([0, 63, 64 * 63].every((corner) => planes[corner] === 1))
  assert.ok(planes.some((value) => value < 0))
  const face = plainReference(reference, 0, 64)
  assert.notDeepEqual(face, planes)
  // Above and below a band, which is wider than it is high, nothing is seen.
  assert.ok(face.subarray(0, 64).every((value) => value === 1))
  assert.throws(() => plainReference({ ...reference, parts: [null, null, null] }, 0, 64), /does not show part 0/)
})

test('shuffled references differ from one another and stay pictures; the same draw gives the same', () => {
  const draw = (step: number) => shuffledReference(reference, 'whole', 64, randomAt(1, step), [reference])
  assert.deepEqual(draw(0), draw(0))
  for (let step = 1; step < 6; step++) {
    assert.notDeepEqual(draw(step), draw(0))
    assert.ok(draw(step).every((value) => value >= -1 && value <= 1))
  }
})
