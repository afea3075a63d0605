/** The lease that a runner shows with each call about a story: read, checked, and refused when it is stale. */
import type { Context } from 'hono'
import { z } from 'zod'
import { LEASE_HEADER, LeaseToken } from '../../../contract/runner.ts'
import { leaseStateOf } from '../../db/queue/lease.ts'
import type { AppEnv } from '../http/app-env.ts'
import { ProblemError } from '../http/problems.ts'
import { problems } from '../http/routes.ts'

/** The `request.headers` of a route that a lease opens. */
export const LeaseHeaders = z.object({ [LEASE_HEADER]: LeaseToken })

/** What such a route may answer besides its own problems. */
export const leaseProblems = problems('unauthorized', 'not-found', 'stale-lease')

export function leaseOf(c: Context<AppEnv>, id: string) {
  return { id, leaseToken: c.req.header(LEASE_HEADER) ?? '', db: c.var.db }
}

export type LeaseState = NonNullable<Awaited<ReturnType<typeof leaseStateOf>>>

/** Throws unless the caller holds the story. */
export async function requireLease(c: Context<AppEnv>, id: string) {
  const state = await leaseStateOf(c.var.db, id, leaseOf(c, id).leaseToken)
  if (!state?.held) throw staleLeaseOf(id, state)
  return state
}

/** Why a write under the caller's lease changed nothing. */
export async function staleLease(c: Context<AppEnv>, id: string): Promise<ProblemError> {
  return staleLeaseOf(id, await leaseStateOf(c.var.db, id, leaseOf(c, id).leaseToken))
}

export function staleLeaseOf(id: string, state: { status: string } | undefined): ProblemError {
  return state
    ? new ProblemError('stale-lease', `story ${id} is ${state.status} and not claimed under this token`)
    : new ProblemError('not-found', `no story ${id}`)
}

/** A lease that is cut short by a deadline still leaves a second, so that heartbeats do not come in bursts. */
export const leaseEnd = (until: number, now: number) => ({
  lease_until: new Date(until).toISOString(),
  lease_seconds: Math.max(1, (until - now) / 1000),
})
