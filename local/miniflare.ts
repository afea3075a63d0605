/**
 * Miniflare, with its synchronous calls made safe.
 *
 * `prepare()` and `bind()` of a D1 handle outside workerd block on `Atomics.wait` until a thread has stored 1 and
 * called `Atomics.notify`. Miniflare 4 waits once: where the caller had seen the 1 before it slept, the notification
 * comes late and wakes the next call, whose answer is not there yet, and from then on every answer is the previous
 * call's (`assert(message?.id === id)`). A wake-up is no answer: wait until the value has changed.
 */
const waitOnce = Atomics.wait as (...args: unknown[]) => ReturnType<typeof Atomics.wait>

Atomics.wait = (array: Int32Array | BigInt64Array, index: number, value: number | bigint, timeout?: number) => {
  const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY)
  for (;;) {
    const outcome = waitOnce(array, index, value, deadline - performance.now())
    if (outcome !== 'ok' || Atomics.load(array as Int32Array, index) !== value) return outcome
  }
}

export { Log, LogLevel, Miniflare, type Request, Response } from 'miniflare'
