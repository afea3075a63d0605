/** After a change of a story is in the database: wakes those who follow it, and the senders of its webhooks. */
import type { Db } from '../db/client.ts'
import { dueLanes, type Lane } from '../db/webhooks/deliveries.ts'
import type { Bindings } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { OBJECT, postTo } from './call.ts'
import { roomNameOf } from './story-room.ts'

/** Before a room that failed is tried again. */
const REOPEN_MS = 1000

export async function announceAll(env: Bindings, db: Db, now: number, storyIds: string[]): Promise<void> {
  if (storyIds.length === 0) return
  const byRoom = Map.groupBy(storyIds, roomNameOf)
  await Promise.all([
    ...Array.from(byRoom, ([room, ids]) => postTo(env.ROOMS, room, ids)),
    dueLanes(db, now, storyIds).then((lanes) => wakeSenders(env, lanes)),
  ])
}

/** Wake the senders of these lanes, to send what is due. */
export async function wakeSenders(env: Bindings, lanes: Lane[]): Promise<void> {
  const woken = await Promise.allSettled(
    lanes.map((lane) => postTo(env.SENDERS, `${lane.apiKeyId} ${lane.origin}`, lane)),
  )
  // Of the others, cron wakes the senders again.
  for (const one of woken) if (one.status === 'rejected') logError('webhooks.wake', one.reason)
}

/**
 * Waits for changes of a story. Open it before reading the story: `changed` then resolves with true for any change since the
 * opening, also for one before the call; with false when there was none for `ms`.
 */
export async function followStory(env: Pick<Bindings, 'ROOMS'>, id: string) {
  const room = env.ROOMS.get(env.ROOMS.idFromName(roomNameOf(id)))
  let ticket = ''
  ticket = await take(0)
  return {
    async changed(ms: number): Promise<boolean> {
      const seen = ticket
      ticket = await take(ms)
      return ticket !== seen
    },
  }

  async function take(ms: number): Promise<string> {
    const query = new URLSearchParams({ story: id, ticket, ms: String(ms) })
    try {
      return await (await room.fetch(`${OBJECT}?${query}`)).text()
    } catch {
      // The object was moved or replaced. Nothing is known then, which is the same as a change.
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, REOPEN_MS)))
      return ''
    }
  }
}
