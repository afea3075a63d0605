/** Following a story: its versions as they come, with one read of D1 for each change. */
import { isTerminal } from '../../../contract/story-view.ts'
import type { Db } from '../../db/client.ts'
import {
  findStory,
  findStoryInQueue,
  type Reader,
  type StoryInQueue,
  type StoryWithFrames,
} from '../../db/stories/stories.ts'
import { followStory } from '../../durable/announce.ts'
import type { Bindings } from '../../platform/env.ts'

/** How long a stream is silent before it sends a comment. Also the longest that a lost wake-up delays it. */
const QUIET_MS = 15_000
/** Reads of D1 after which a stream ends, within a Worker's bound of 1 000 queries; a client reconnects by itself. */
const MAX_READS = 400

/** Without word of a change, somebody who waits for the end asks the database again after this long. */
const LOOK_AGAIN_MS = 5_000

export interface FollowOptions {
  db: Db
  reader: Reader
  /** The version that is known already. */
  after: number
  quietMs?: number
}

/**
 * The story in each version that is newer than `after` and still there to be read, the present one at once; undefined
 * whenever nothing has changed for `quietMs`. Ends after a terminal state, and when the story is not there (any more).
 *
 * One read of D1 for each change, and one for each quiet spell.
 */
export async function* follow(
  env: Pick<Bindings, 'ROOMS'>,
  id: string,
  { db, reader, after, quietMs = QUIET_MS }: FollowOptions,
): AsyncGenerator<StoryInQueue | undefined, void> {
  const room = await followStory(env, id)
  for (let reads = 0; reads < MAX_READS; reads++) {
    const found = await findStoryInQueue(db, id, reader)
    if (!found) return
    if (found.story.version > after) {
      after = found.story.version
      yield found
    }
    if (isTerminal(found.story.status)) return
    if (!(await room.changed(quietMs))) yield undefined
  }
}

/** The story once it is newer than `after` or has ended, or as it stands at `until`; undefined when there is none. */
export async function awaitStory(
  env: Pick<Bindings, 'ROOMS'>,
  id: string,
  { db, reader, after }: FollowOptions,
  { until, now, signal }: { until: number; now: () => number; signal: AbortSignal },
): Promise<StoryInQueue | undefined> {
  const room = until > now() ? await followStory(env, id) : undefined
  for (;;) {
    const found = await findStoryInQueue(db, id, reader)
    const isNews = !found || found.story.version > after || isTerminal(found.story.status)
    if (isNews || !room || now() >= until || signal.aborted) return found
    await room.changed(until - now())
  }
}

/** The story once it has ended, or as it is at `until`, or when `signal` is aborted; undefined when there is none. */
export async function awaitEnd(
  env: Pick<Bindings, 'ROOMS'>,
  id: string,
  { db, reader }: Pick<FollowOptions, 'db' | 'reader'>,
  { until, now, signal }: { until: number; now: () => number; signal?: AbortSignal },
): Promise<StoryWithFrames | undefined> {
  const room = await followStory(env, id)
  for (;;) {
    const found = await findStory(db, id, reader)
    const left = until - now()
    if (!found || isTerminal(found.story.status) || left <= 0 || signal?.aborted) return found
    await room.changed(Math.min(left, LOOK_AGAIN_MS))
  }
}
