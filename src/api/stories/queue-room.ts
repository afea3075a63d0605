/** How many stories of a key may wait at the same time. */
import type { ApiKeyRow } from '../../db/keys/api-keys.ts'
import { ProblemError } from '../http/problems.ts'

/** A guess: room comes when a runner claims a story, and nobody knows when that is. */
const RETRY_AFTER_SECONDS = 10

/**
 * Throws `queue-full` when as many stories of the key wait as may, by the row that was read. `db/queue/enqueue.ts` checks
 * again on insert. With an Idempotency-Key, requests at the same moment may exceed the limit by their number.
 */
export function requireRoom({ queued, maxQueued }: Pick<ApiKeyRow, 'queued' | 'maxQueued'>): void {
  if (queued < maxQueued) return
  const detail = `${queued} stories of this API key wait for a runner, of ${maxQueued} that may`
  throw new ProblemError('queue-full', detail, undefined, { 'retry-after': String(RETRY_AFTER_SECONDS) })
}
