/** After a request has changed stories: wakes their followers and the senders of their webhooks, after the answer. */
import type { Context } from 'hono'
import { wantRunners } from '../../demand/waker.ts'
import { announceAll } from '../../durable/announce.ts'
import { wakeRunnersFor } from '../../durable/claim-waiting.ts'
import type { AppEnv } from './app-env.ts'

/** Does not delay the answer. If it is lost, cron and the followers' own timeouts make up for it. */
export function announce(c: Context<AppEnv>, ...storyIds: string[]): void {
  const { db, tools } = c.var
  c.executionCtx.waitUntil(announceAll(c.env, db, tools.now(), storyIds))
}

/** After stories have been queued again: `announce`, and runners that wait for such stories are woken. */
export function announceReady(c: Context<AppEnv>, ...storyIds: string[]): void {
  announce(c, ...storyIds)
  if (storyIds.length === 0) return
  c.executionCtx.waitUntil(wakeRunnersFor(c.env, c.var.db, storyIds))
  c.executionCtx.waitUntil(wantRunners(c.env, c.var.tools.now()))
}
