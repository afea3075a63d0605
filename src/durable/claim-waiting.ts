/** The rooms where runners wait for stories, as the Worker calls them: `ClaimRoom`. */
import type { Db } from '../db/client.ts'
import { readyOf, readyShares } from '../db/queue/peek.ts'
import type { Bindings } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { postTo } from './call.ts'
import type { ClaimRoomCall, Looked } from './claim-room.ts'
import { Word } from './claim-room.ts'

type Rooms = Pick<Bindings, 'CLAIMS'>

/** Without its room, a claim looks into D1 this often. */
const ROOMLESS_MS = 1_000
/** After this long, a wake-up under way counts as lost. */
const LOST_MS = 1_000

const callRoom = (env: Rooms, model: string, call: ClaimRoomCall, signal?: AbortSignal) =>
  postTo(env.CLAIMS, model, call, signal)

/** Wait up to `ms` for a reason to look for stories. Does not throw. */
export async function waitForWord(
  env: Rooms,
  { model, runner }: { model: string; runner: string },
  { ms, looked, signal }: { ms: number; looked: Looked | undefined; signal: AbortSignal },
): Promise<Word> {
  try {
    const call = { type: 'wait' as const, runner, ms, ...(looked && { looked }) }
    return Word.parse(await (await callRoom(env, model, call, signal)).json())
  } catch {
    // The room was moved or replaced, or the caller has gone.
    if (looked) await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(ms, ROOMLESS_MS))))
    return { say: signal.aborted || ms <= 0 ? 'none' : 'claim', ticket: '' }
  }
}

/** The runner has taken so many stories. */
export const noteTaken = (env: Rooms, model: string, runner: string, stories: number) =>
  quietly(callRoom(env, model, { type: 'took', runner, stories }))

/** The runner stops: its claim that waits is answered at once. */
export const endWait = (env: Rooms, model: string, runner: string) =>
  quietly(callRoom(env, model, { type: 'goodbye', runner }))

/** Wake-ups under way from this isolate, by model: those that come meanwhile are sent together, after them. */
const underWay = new Map<string, { since: number; more: number }>()

/** So many stories of `model` have become ready. Does not throw: what is lost costs a runner's next look. */
export async function wakeRunners(env: Rooms, model: string, stories: number, now: number): Promise<void> {
  const other = underWay.get(model)
  if (other && now - other.since < LOST_MS) {
    other.more += stories
    return
  }
  const mine = { since: now, more: 0 }
  underWay.set(model, mine)
  for (let count = stories; ; ) {
    await quietly(callRoom(env, model, { type: 'wake', stories: count }))
    count = mine.more
    mine.more = 0
    if (count === 0) break
  }
  if (underWay.get(model) === mine) underWay.delete(model)
}

/** Wake runners for those of these stories that are ready, or will be. */
export async function wakeRunnersFor(env: Rooms, db: Db, storyIds: string[]): Promise<void> {
  if (storyIds.length === 0) return
  const rows = await readyOf(db, storyIds)
  await Promise.all(
    rows.map(({ model, stories, next }) => quietly(callRoom(env, model, { type: 'wake', stories, next }))),
  )
}

/** Wake runners for whatever is ready, of one API key or of all. Answers how many stories that is. */
export async function wakeRunnersForAll(env: Rooms, db: Db, apiKeyId?: string): Promise<number> {
  const rows = await readyShares(db, apiKeyId)
  await Promise.all(rows.map(({ model, stories }) => quietly(callRoom(env, model, { type: 'wake', stories }))))
  return rows.reduce((sum, { stories }) => sum + stories, 0)
}

async function quietly(work: Promise<unknown>): Promise<void> {
  await work.catch((error) => logError('claims.room', error))
}
