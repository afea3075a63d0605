import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Region } from '../../story/references/cut-out.ts'
import { randomAt } from './random.ts'
import { planReferences, type ReferenceRecipe, randomCycle, type SetView } from './reference-strategy.ts'

const recipe: ReferenceRecipe = { slots: 99, references: 99, perSlot: 3, regions: 0, elsewhere: 0 }
const everything: Region[] = ['whole', 0, 1, 2]

/** One set of four frames and one outside, in which `cast` characters are seen everywhere. */
function oneSet(cast: number, seen: Region[] = everything) {
  const view: SetView = { frames: 4, seen: Array.from({ length: 5 }, () => Array.from({ length: cast }, () => seen)) }
  const present = Array.from({ length: 4 }, () => Array.from({ length: cast }, () => true))
  return { views: [view], present: [present], shown: [[false, false, false, false]] }
}

test('a random cycle holds every number once, and its successor map leaves none where it is', () => {
  const seen = new Set<string>()
  for (let step = 0; step < 200; step++) {
    const order = randomCycle(4, randomAt(1, step))
    assert.deepEqual([...order].sort(), [0, 1, 2, 3])
    assert.ok(order.every((i, at) => order[(at + 1) % 4] !== i))
    seen.add(order.join())
  }
  assert.equal(seen.size, 24, 'all orders come up')
})

test('no frame is its own reference, each is used as often as any other, and one to three are given', () => {
  const { views, present, shown } = oneSet(2)
  const counts = new Map<number, number>()
  for (let step = 0; step < 300; step++) {
    const { slots, references } = planReferences(views, present, shown, recipe, randomAt(2, step))
    assert.equal(slots.length, 8)
    for (const { frame, character, references: own } of slots) {
      const places = own.map((r) => references[r]!)
      assert.ok(places.every((place) => place.frame !== frame && place.character === character && place.frame < 4))
      assert.equal(new Set(places.map((place) => place.frame)).size, own.length)
      counts.set(own.length, (counts.get(own.length) ?? 0) + 1)
    }
  }
  for (const k of [1, 2, 3])
    assert.ok(Math.abs(counts.get(k)! / 2400 - 1 / 3) < 0.05, `${k} references: ${counts.get(k)}`)
})

test('references from elsewhere come first where they are wanted', () => {
  const { views, present, shown } = oneSet(1)
  const plan = planReferences(views, present, shown, { ...recipe, elsewhere: 1 }, randomAt(3, 0))
  for (const { references } of plan.slots) assert.equal(plan.references[references[0]!]!.frame, 4)
})

test('parts get a slot and one reference each, and unseen ones none', () => {
  const { views, present, shown } = oneSet(1, ['whole', 0, 2])
  const { slots, references } = planReferences(views, present, shown, { ...recipe, regions: 1 }, randomAt(4, 0))
  assert.deepEqual([...new Set(slots.map(({ region }) => region))].sort(), [0, 2])
  for (const { region, references: own } of slots)
    assert.deepEqual(
      own.map((r) => references[r]!.region),
      [region],
    )
})

test('withheld frames and absent characters get no slot, and the limits of a step hold', () => {
  const { views, present } = oneSet(2)
  present[0]![1]![0] = false
  const { slots } = planReferences(views, present, [[true, false, false, false]], recipe, randomAt(5, 0))
  assert.ok(slots.every(({ frame, character }) => frame !== 0 && !(frame === 1 && character === 0)))
  assert.equal(slots.length, 5)
  const limits = { ...recipe, slots: 4, references: 3 }
  const small = planReferences(views, present, [[false, false, false, false]], limits, randomAt(6, 0))
  assert.ok(small.slots.length <= 4 && small.references.length <= 3)
  assert.ok(small.slots.every(({ references }) => references.length > 0))
})
