import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBatch } from './batch.ts'
import { recipes } from './recipes.ts'

const { sets } = recipes['story-mini']!

test('a GPU takes the frames of a step in one piece, with references for each, at the root of the rate', () => {
  const { training, pool, rate } = withBatch(sets, 64, 'webgpu')
  assert.deepEqual([training.pieces, training.sets, training.frames], [1, 16, 4])
  assert.deepEqual([training.references.slots, training.references.references], [128, 112])
  assert.equal(pool.fresh, 8)
  assert.equal(rate, 2 * sets.rate)
})

test('a CPU keeps its pieces; the batch of the recipe changes nothing, and one that does not divide is refused', () => {
  assert.deepEqual(withBatch(sets, 16, 'cpu'), sets)
  assert.throws(() => withBatch(sets, 12, 'cpu'), /a multiple of 8 frames, not 12/)
})
