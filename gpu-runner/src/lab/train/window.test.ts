import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomAt } from './random.ts'
import { Window } from './window.ts'

const recipe = { fresh: 2, capacity: 40 }
const itself = async (indices: readonly number[]) => indices

test('a run that is taken up in the middle meets the items that an uninterrupted one meets, and each is there', async () => {
  const [whole, resumed] = [new Window(recipe, itself), new Window(recipe, itself)]
  for (let step = 0; step < 300; step++) {
    const batch = await whole.batch(step, 8, randomAt(1, step))
    if (step >= 150) assert.deepEqual(await resumed.batch(step, 8, randomAt(1, step)), batch)
    assert.deepEqual(batch.slice(0, 2), [2 * step, 2 * step + 1])
    assert.ok(batch.every((index) => index >= Math.max(0, 2 * step - 40) && index < 2 * step + 8))
  }
})

test('an item is made once while it lies in the window', async () => {
  const made: number[] = []
  const window = new Window(recipe, async (indices) => {
    made.push(...indices)
    return indices
  })
  for (let step = 0; step < 100; step++) await window.batch(step, 8, randomAt(2, step))
  assert.equal(new Set(made).size, made.length)
})
