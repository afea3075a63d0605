import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHeldOut, randomFrames } from './frames.ts'
import { attributeLabels } from './labels.ts'
import { LEVELS, type Level } from './levels.ts'
import { random } from './random.ts'
import { ATTRIBUTES, COLOURS, VOCABULARY, valuesAt } from './vocabulary.ts'

test('a set is the same whenever it is drawn, and other sets, seeds and levels differ', () => {
  const draw = (seed: number, set: number, level: Level) => randomFrames(seed, set, 3, { level, split: 'train' })
  assert.deepEqual(draw(1, 5, 3), draw(1, 5, 3))
  for (const other of [draw(2, 5, 3), draw(1, 6, 3), draw(1, 5, 2)]) assert.notDeepEqual(draw(1, 5, 3), other)
})

test('a frame does not depend on how many frames the set has', () => {
  const [first] = randomFrames(1, 9, 1, { level: 3, split: 'train' })
  assert.deepEqual(first, randomFrames(1, 9, 4, { level: 3, split: 'train' })[0])
})

test('training never shows a held-out combination, and the held-out split shows nothing else', () => {
  for (const level of LEVELS) {
    for (let set = 0; set < 1500; set++) {
      for (const split of ['train', 'held-out'] as const) {
        for (const { identity } of randomFrames(3, set, 1, { level, split })[0]!.actors) {
          assert.equal(isHeldOut(identity), split === 'held-out', `level ${level}, set ${set}`)
        }
      }
    }
  }
})

test('five to ten percent of all combinations are held out', () => {
  const top = (colour: (typeof COLOURS)[number]) => ({ type: 'shirt', colour, pattern: 'plain' }) as const
  const all = VOCABULARY.species.flatMap((species) =>
    COLOURS.flatMap((above) =>
      COLOURS.map((below) =>
        isHeldOut({ species, fur: 'gray', top: top(above), bottom: { type: 'pants', colour: below } }),
      ),
    ),
  )
  const share = all.filter(Boolean).length / all.length
  assert.ok(share > 0.05 && share < 0.1, `${share}`)
})

test('a set keeps its cast while poses, moods and places change', () => {
  const frames = randomFrames(4, 2, 12, { level: 3, split: 'train' })
  const cast = (i: number) => new Set(frames[i]!.actors.map(({ identity }) => JSON.stringify(identity)))
  for (let i = 1; i < frames.length; i++) assert.deepEqual(cast(i), cast(0))
  assert.ok(new Set(frames.map(({ scene }) => scene.place)).size > 3)
  assert.ok(new Set(frames.map(({ actors }) => actors[0]!.action)).size > 3)
})

test('every value of a level is drawn, and none beyond it', () => {
  for (const level of LEVELS) {
    const seen = new Map(ATTRIBUTES.map((attribute) => [attribute, new Set<number>()]))
    for (let set = 0; set < (level === 6 ? 4000 : 1500); set++) {
      const [frame] = randomFrames(8, set, 1, { level, split: 'train' })
      for (const i of frame!.actors.keys()) {
        const labels = attributeLabels(frame!, i)
        for (const attribute of ATTRIBUTES) seen.get(attribute)!.add(labels[attribute])
      }
    }
    for (const attribute of ATTRIBUTES) {
      if (attribute === 'fur' && (level === 1 || level === 4)) continue
      assert.equal(seen.get(attribute)!.size, valuesAt(attribute, level).length, `${attribute} at level ${level}`)
    }
  }
})

test('levels 3 and 4 have one to three characters, side by side from the left', () => {
  for (const level of [3, 4] as const) {
    const sizes = new Set<number>()
    for (let set = 0; set < 200; set++) {
      const { actors } = randomFrames(1, set, 1, { level, split: 'train' })[0]!
      sizes.add(actors.length)
      for (let i = 1; i < actors.length; i++) assert.ok(actors[i]!.x - actors[i - 1]!.x > 0.28)
    }
    assert.deepEqual([...sizes].sort(), [1, 2, 3])
  }
})

test('streams: uniform enough, and picking from nothing is an error', () => {
  const r = random(1, 2)
  const draws = Array.from({ length: 4000 }, () => r.next())
  assert.ok(Math.abs(draws.reduce((sum, x) => sum + x) / draws.length - 0.5) < 0.02)
  assert.throws(() => r.pick([]), /nothing to pick from/)
})

test('labels of a character that is not there are an error', () => {
  const [frame] = randomFrames(1, 1, 1, { level: 1, split: 'train' })
  assert.throws(() => attributeLabels(frame!, 1), /character 1 of 1/)
})
