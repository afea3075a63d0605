/** After a request has changed stories: wakes their followers and the senders of their webhooks, behind the answer. */
import type { Context } from 'hono'
import { announceAll } from '../../durable/announce.ts'
import type { AppEnv } from './app-env.ts'

/** Does not hold the answer up. Whatever of it is lost is made up for by cron, and by the followers' own timeouts. */
export function announce(c: Context<AppEnv>, ...storyIds: string[]): void {
  const { db, tools } = c.var
  c.executionCtx.waitUntil(announceAll(c.env, db, tools.now(), storyIds))
}
