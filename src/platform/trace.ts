/** W3C Trace Context: one trace runs from the request that posted a story, through its runner, to its webhooks. */
import type { Tools } from './env.ts'

/** version 00: trace id, parent id, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
const ALL_ZERO = /^0+$/

/** What a story carries on: the trace of its request under a parent id of ours, or a new one when it came in none. */
export function continueTrace(header: string | undefined, randomBytes: Tools['randomBytes']): string {
  const [, traceId, parentId, flags] = TRACEPARENT.exec(header ?? '') ?? []
  // All zeros is invalid by the standard, and an invalid header is to be ignored.
  const isValid = traceId && parentId && !ALL_ZERO.test(traceId) && !ALL_ZERO.test(parentId)
  const span = hex(randomBytes(8))
  return isValid ? `00-${traceId}-${span}-${flags}` : `00-${hex(randomBytes(16))}-${span}-00`
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
