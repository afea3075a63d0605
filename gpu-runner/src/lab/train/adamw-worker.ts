/** The optimiser's second thread; `adamw-helper.ts` is its other side. */
import { parentPort, workerData } from 'node:worker_threads'
import { type AdamShare, sumOfSquares, updateShare } from './adamw.ts'
import { type HelperSettings, pass, readRates } from './adamw-helper.ts'

const { turn, squares, rates, ...buffers } = workerData as HelperSettings

parentPort!.on('message', (shares: AdamShare[]) => {
  for (const [i, { gradient }] of shares.entries()) squares[i] = sumOfSquares(gradient)
  pass(turn, 1)
  // When the gradient is not finite the step ends here, and the next message says so by setting the turn back to 0.
  Atomics.wait(turn, 0, 1)
  if (Atomics.load(turn, 0) !== 2) return
  const known = readRates(rates)
  for (const share of shares) updateShare(buffers, share, known)
  pass(turn, 3)
})
