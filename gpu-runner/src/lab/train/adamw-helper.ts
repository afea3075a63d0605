/** A second thread for AdamW: onnxruntime's threads rest while the optimiser runs, so another core is free. */
import { Worker } from 'node:worker_threads'
import type { AdamBuffers, AdamHelper, AdamRates, AdamShare } from './adamw.ts'

/** What both threads see. `turn` counts up through a step: taken over, squares known, rates known, updated. */
interface HelperMemory {
  readonly turn: Int32Array
  readonly squares: Float64Array
  readonly rates: Float64Array
}

export type HelperSettings = AdamBuffers & HelperMemory

const rateNames = ['beta1', 'beta2', 'epsilon', 'factor', 'rate', 'shrink', 'emaDecay'] as const

/** Longer than any step takes; a helper that is silent for so long has died. */
const patience = 60_000

/**
 * A helper for steps over `buffers`, which must be shared memory, with at most `parameters` parameters. Every element
 * gets the numbers it would get without one, and sums of squares are added in the same order.
 */
export function openAdamHelper(buffers: AdamBuffers, parameters: number): AdamHelper & { close(): Promise<void> } {
  const memory: HelperMemory = {
    turn: new Int32Array(new SharedArrayBuffer(4)),
    squares: new Float64Array(new SharedArrayBuffer(8 * parameters)),
    rates: new Float64Array(new SharedArrayBuffer(8 * rateNames.length)),
  }
  const { turn, squares } = memory
  const settings: HelperSettings = { ...buffers, ...memory }
  const worker = new Worker(new URL('./adamw-worker.ts', import.meta.url), { workerData: settings })
  worker.unref()
  let taken = 0
  return {
    begin(shares) {
      const kept = middle(shares)
      const others = shares.slice(kept)
      taken = others.length
      pass(turn, 0)
      // Moved, not copied: nobody reads a gradient twice.
      worker.postMessage(others, [...new Set(others.map(({ gradient }) => gradient.buffer as ArrayBuffer))])
      return kept
    },
    squares() {
      waitFor(turn, 1)
      return squares.subarray(0, taken)
    },
    update(rates) {
      for (const [i, name] of rateNames.entries()) memory.rates[i] = rates[name]
      pass(turn, 2)
    },
    finish: () => waitFor(turn, 3),
    close: async () => void (await worker.terminate()),
  }
}

/** How many of the first shares hold about half of all elements. */
function middle(shares: readonly AdamShare[]): number {
  const half = shares.reduce((sum, { gradient }) => sum + gradient.length, 0) / 2
  let sum = 0
  return shares.findIndex(({ gradient }) => (sum += gradient.length) > half) + 1
}

export function pass(turn: Int32Array, to: number): void {
  Atomics.store(turn, 0, to)
  Atomics.notify(turn, 0)
}

function waitFor(turn: Int32Array, wanted: number): void {
  for (let now = Atomics.load(turn, 0); now !== wanted; now = Atomics.load(turn, 0))
    if (Atomics.wait(turn, 0, now, patience) === 'timed-out')
      throw new Error(`the optimiser's thread has not answered for ${patience / 1000} s`)
}

export function readRates(values: Float64Array): AdamRates {
  return Object.fromEntries(rateNames.map((name, i) => [name, values[i]!])) as Record<
    (typeof rateNames)[number],
    number
  >
}
