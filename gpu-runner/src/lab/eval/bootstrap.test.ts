import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../storydb/random.ts'
import { bootstrap } from './bootstrap.ts'

const r = random(1, 2)
const close = (a: number | null, b: number, tolerance = 1e-6) =>
  assert.ok(a !== null && Math.abs(a - b) < tolerance, `${a} is not ${b}`)

test('the bootstrap draws whole stories, and its interval is that of the normal approximation', () => {
  const stories = Array.from({ length: 200 }, () => ({ sum: Number(r.chance(0.3)), count: 1 }))
  const p = stories.reduce((sum, story) => sum + story.sum, 0) / 200
  const { value, low, high } = bootstrap(stories)!
  close(value, p)
  const half = 1.96 * Math.sqrt((p * (1 - p)) / 200)
  close(low, p - half, 0.015)
  close(high, p + half, 0.015)
  // Ten equal observations in a story say no more than one.
  const repeated = bootstrap(stories.map(({ sum }) => ({ sum: 10 * sum, count: 10 })))!
  close(repeated.high - repeated.low, high - low, 1e-9)
  assert.deepEqual(bootstrap([{ sum: 0, count: 0 }]), null)
  close(
    bootstrap([
      { sum: 1, count: 4 },
      { sum: 0, count: 0 },
    ])!.value,
    0.25,
  )
})
