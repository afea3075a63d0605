import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import './miniflare.ts'

/** A thread that wakes the waiter `early` times without an answer, then answers if it is to. */
function waker(shared: Int32Array, early: number, answers: boolean): Worker {
  const script = `const { workerData: { shared, early, answers } } = require('node:worker_threads')
    const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    const wake = () => { while (Atomics.notify(shared, 0) === 0) sleep() }
    for (let n = 0; n < early; n++) { wake(); sleep() }
    if (answers) { Atomics.store(shared, 0, 1); Atomics.notify(shared, 0) }`
  return new Worker(script, { eval: true, workerData: { shared, early, answers } })
}

test('a wake-up that belongs to an earlier call does not end a wait', async () => {
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const worker = waker(shared, 3, true)
  assert.equal(Atomics.wait(shared, 0, 0), 'ok')
  assert.equal(shared[0], 1)
  await worker.terminate()
})

test('a wait with a bound ends at its bound, however often it is woken, and at once where there is nothing to wait for', async () => {
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const worker = waker(shared, 3, false)
  assert.equal(Atomics.wait(shared, 0, 0, 500), 'timed-out')
  assert.equal(Atomics.wait(shared, 0, 1), 'not-equal')
  await worker.terminate()
})
