import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUNetConfig } from '../../engine/models/unet-config.ts'
import { drawDrop } from './drops.ts'
import { randomAt } from './random.ts'
import { recipes } from './recipes.ts'
import { drawLevels, perceptualWeights } from './set-feeds.ts'
import type { SetModel } from './set-loss.ts'
import { drawSet, type FrameSet } from './sets.ts'
import { sharingFeeds } from './sharing-feeds.ts'

const recipe = recipes['story-mini']!.sets.training
const random = (step: number) => randomAt(7, step)

test('captions and references are withheld as often as the recipe says, and both together', () => {
  const counts = { nothing: 0, text: 0, image: 0, both: 0 }
  const r = random(0)
  for (let i = 0; i < 20_000; i++) counts[drawDrop(recipe, r)]++
  for (const [name, share] of Object.entries({ text: 0.1, image: 0.4, both: 0.05, nothing: 0.45 }))
    assert.ok(Math.abs(counts[name as 'text'] / 20_000 - share) < 0.01, `${name}: ${counts[name as 'text']}`)
})

test('most sets have one noise level; a frame that is all but clean weighs nothing', () => {
  let [common, clean] = [0, 0]
  for (let step = 0; step < 2000; step++) {
    const { sigma, flowWeight } = drawLevels(1, recipe, random(step))
    assert.ok(sigma.every((t) => t > 0 && t < 1))
    const noisy = sigma.filter((_, i) => flowWeight[i] === 1)
    clean += Number(noisy.length < 4)
    common += Number(new Set(noisy).size === 1)
  }
  assert.ok(Math.abs(common / 2000 - 0.8) < 0.03, `${common} of 2000 have one level`)
  assert.ok(Math.abs(clean / 2000 - 0.4) < 0.03, `${clean} of 2000 have a clean frame`)
})

test('the perceptual loss weighs 1 − t below 0.6, nothing above, and comes in slowly', () => {
  const late = perceptualWeights([0.1, 0.59, 0.61, 0.02], 1e6, recipe)
  assert.deepEqual(late, [0.9, 1 - 0.59, 0, 0])
  assert.deepEqual(perceptualWeights([0.5], recipe.perceptualWarmup / 4, recipe), [0.125])
})

/** Three frames of a grid of 2×2: character 0 in the first two, character 1 in the last two. */
const sets = [{ frames: [{ cast: [0] }, { cast: [1, 0] }, { cast: [1] }], references: [] }] as unknown as FrameSet[]
const model = { latentShape: [1, 2, 2], unet: parseUNetConfig({}) } as unknown as SetModel
const small = { ...recipe, sets: 1, frames: 3 }
const closedAt = (feeds: ReturnType<typeof sharingFeeds>, i: number, j: number, p: number) =>
  Number(feeds.closed4!.data[(i * 3 + j) * 4 + p]) < 0

test('own pixels are always seen, those of strangers never, and who looks does not change which are left out', () => {
  let [out, all] = [0, 0]
  for (let step = 0; step < 300; step++) {
    const feeds = sharingFeeds(sets, model, { ...small, alone: 0, frameDrop: 0 }, random(step))
    for (let p = 0; p < 4; p++) {
      for (let i = 0; i < 3; i++) assert.equal(closedAt(feeds, i, i, p), false)
      assert.ok(closedAt(feeds, 0, 2, p) && closedAt(feeds, 2, 0, p), 'frames 0 and 2 have nobody in common')
      assert.equal(closedAt(feeds, 0, 1, p), closedAt(feeds, 2, 1, p))
      out += Number(closedAt(feeds, 0, 1, p))
      all++
    }
  }
  assert.ok(Math.abs(out / all - recipe.keyDrop / 2) < 0.05, `${out} of ${all} pixels are left out`)
})

test('common characters are those of both frames, and sets that share nothing are closed', () => {
  const feeds = sharingFeeds(sets, model, { ...small, alone: 1 }, random(1))
  const common = (j: number, i: number) =>
    Array.from({ length: 3 }, (_, c) => Number(feeds.common!.data[(j * 3 + i) * 3 + c]))
  assert.deepEqual(common(1, 0), [1, 0, 0])
  assert.deepEqual(common(1, 2), [0, 1, 0])
  assert.deepEqual(common(0, 2), [0, 0, 0])
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) assert.equal(closedAt(feeds, i, j, 0), i !== j)
})

test('a set has one cast; an absent actor leaves its place in it empty', () => {
  let [fewer, several] = [0, 0]
  for (let index = 0; index < 60; index++) {
    const options = { frames: 4, outside: 1, absent: 0.5 }
    const { frames, cast, size } = drawSet(1, index, 3, 'train', options)
    assert.equal(frames.length, 5)
    assert.deepEqual(drawSet(1, index, 3, 'train', options), { frames, cast, size })
    const faces = new Map<number, unknown>()
    for (const [i, { actors }] of frames.entries()) {
      assert.ok(actors.length >= 1)
      several += Number(size > 1)
      fewer += Number(actors.length < size)
      for (const [a, { identity }] of actors.entries()) {
        const place = cast[i]![a]!
        assert.ok(place >= 0 && place < size)
        assert.equal(faces.get(place) ?? identity, identity)
        faces.set(place, identity)
      }
    }
  }
  assert.ok(fewer > 0.3 * several && fewer < 0.7 * several, `${fewer} of ${several} frames miss somebody`)
})
