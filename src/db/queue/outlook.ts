/**
 * How long a story has yet to wait and to run: its place in the queue by the order of `claim.ts`, and times measured on
 * the stories before it. Every query reads a bounded number of index entries, however long queue and history are.
 */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { PRESENT_MS } from '../runners/list.ts'
import { apiKeys } from '../schema/keys.ts'
import { queueShares } from '../schema/queue.ts'
import { type StoryRow, stories } from '../schema/stories.ts'

/** Places are exact up to this many stories of the same key ahead, and beyond that 'at least'. */
export const EXACT_AHEAD = 1000
/** Other keys that are looked at, in the order in which they are served. */
const MOST_KEYS = 200
/** Stories whose times are looked at: the last of a model that went well at the first attempt. */
const LAST = 50

/** How many stories will be claimed before this one, if nothing changes. */
interface Ahead {
  count: number
  /** There may be more. */
  atLeast: boolean
}

/** One story that went well. */
export interface Past {
  startedAt: number
  completedAt: number
  frameCount: number
}

export interface Outlook {
  ahead: Ahead | null
  /** Whether a runner is there for it, as far as is known: some announce nothing. */
  served: boolean
  /** How many runners are known to be there; undefined while the story does not wait for one. */
  present?: number
  history: Past[]
}

/** Seconds, by what is usual (p50) and by what nine of ten stay below (p90). */
export interface Eta {
  p50: number
  p90: number
}

/**
 * What a batch reads along with the story `id`: one row while it waits for its turn, and the history while it has not
 * ended; nothing at all of others.
 *
 * Stride scheduling serves a key's story number r, counted from 0, when the pass reaches max(its pass, the clock) + r /
 * weight; until then another key is served once for each stride that it begins before. Keys at their cap on running
 * stories count like the others.
 */
export function outlookQueries(db: Db, id: string) {
  const own = db
    .select({
      // Spelt out: drizzle leaves the table's name away where a query reads one table only.
      before: sql<number>`${earlier('earlier.priority < stories.priority')}
        + ${earlier('earlier.priority = stories.priority AND earlier.claimable_at < stories.claimable_at')}`,
      apiKeyId: stories.apiKeyId,
      runners: sql<number>`(SELECT count(*) FROM runners WHERE runners.model = stories.model)`,
      present: sql<number>`(SELECT count(*) FROM runners WHERE runners.model = stories.model AND runners.gone_at IS NULL
        AND runners.seen_at > unixepoch() * 1000 - ${PRESENT_MS})`,
      clock: sql<number>`coalesce((SELECT pass FROM queue_clocks WHERE queue_clocks.model = stories.model), 0)`,
    })
    .from(stories)
    .where(and(eq(stories.id, id), sql`${stories.status} = 'queued' AND ${stories.ready} = 1`))
  const shares = db
    .select({
      apiKeyId: queueShares.apiKeyId,
      ready: queueShares.ready,
      pass: queueShares.pass,
      weight: apiKeys.weight,
    })
    .from(queueShares)
    .innerJoin(apiKeys, eq(apiKeys.id, queueShares.apiKeyId))
    .where(
      and(sql`${queueShares.ready} > 0`, eq(queueShares.model, modelOf(db, id, sql`${stories.status} = 'queued'`))),
    )
    .orderBy(queueShares.pass)
    .limit(MOST_KEYS + 1)
  return [own, shares, historyQuery(db, modelOf(db, id, sql`${stories.status} IN ('queued', 'running')`))] as const
}

/** How many stories of the same key and model go before the one that is read, as far as they are counted. */
function earlier(condition: string): SQL {
  return sql.raw(`(SELECT count(*) FROM (SELECT 1 FROM stories AS earlier
    WHERE earlier.status = 'queued' AND earlier.ready = 1
      AND earlier.model = stories.model AND earlier.api_key_id = stories.api_key_id AND ${condition}
    LIMIT ${EXACT_AHEAD + 1}))`)
}

type Read<T> = T extends { _: { result: infer Row } } ? Row : never
type Queries = ReturnType<typeof outlookQueries>

export function outlookOf(own: Read<Queries[0]>, shares: Read<Queries[1]>, history: Past[]): Outlook {
  const [story] = own
  if (!story) return { ahead: null, served: true, history }
  const { before, clock, apiKeyId, runners, present } = story
  const from = (pass: number) => Math.max(pass, clock)
  const mine = shares.find((share) => share.apiKeyId === apiKeyId)
  const turn = mine ? from(mine.pass) + before / mine.weight : Number.POSITIVE_INFINITY
  let count = Math.min(before, EXACT_AHEAD + 1)
  for (const { apiKeyId: key, ready, pass, weight } of shares) {
    const strides = (turn - from(pass)) * weight
    if (key !== apiKeyId && strides > 0) count += Math.min(ready, Math.ceil(strides - 1e-9))
  }
  const atLeast = before > EXACT_AHEAD || shares.length > MOST_KEYS || !mine
  return { ahead: { count, atLeast }, served: present > 0 || runners === 0, present, history }
}

/**
 * Seconds until all pictures of the story are there; null once it has ended, without history, and while no runner is there.
 *
 * @param coldStart seconds until a runner that is being started is there; undefined where none is.
 */
export function etaOf(
  story: Pick<StoryRow, 'status' | 'frameCount' | 'progress'>,
  outlook: Outlook,
  coldStart?: number,
): Eta | null {
  const drawing = drawingTime(story.frameCount, outlook.history)
  if (!drawing) return null
  if (story.status === 'running') {
    const left = 1 - (story.progress?.fraction ?? 0)
    return rounded({ p50: left * drawing.p50, p90: left * drawing.p90 })
  }
  if (story.status !== 'queued' || !(outlook.served || coldStart !== undefined)) return null
  const wait = waitingTime(outlook.ahead?.count ?? 0, outlook.history)
  const start = coldStart ?? 0
  return rounded({ p50: start + wait.p50 + drawing.p50, p90: start + wait.p90 + drawing.p90 })
}

/** Seconds that `frames` frames of `model` take, once it is their turn. */
export async function estimate(db: Db, model: string, frames: number): Promise<Eta | null> {
  const drawing = drawingTime(frames, await historyQuery(db, sql`${model}`))
  return drawing && rounded(drawing)
}

function drawingTime(frames: number, history: readonly Past[]): Eta | null {
  const perFrame = history.map((past) => seconds(past) / past.frameCount).sort((a, b) => a - b)
  if (perFrame.length === 0) return null
  const at = (share: number) => frames * perFrame[Math.min(perFrame.length - 1, Math.floor(share * perFrame.length))]!
  return { p50: at(0.5), p90: at(0.9) }
}

/** Until `ahead` stories have been taken up, by as many runners as were at work at the same time lately. */
function waitingTime(ahead: number, history: readonly Past[]): Eta {
  const times = history.map(seconds)
  const total = times.reduce((a, b) => a + b, 0)
  const [mean, n] = [total / times.length, times.length]
  const deviation = Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / n)
  const span = Math.max(...history.map((past) => past.completedAt)) - Math.min(...history.map((past) => past.startedAt))
  const runners = Math.max(1, total / (span / 1000))
  // The sum of many times is normal; 1.28 deviations above its mean is its ninetieth percentile.
  return { p50: (ahead * mean) / runners, p90: (ahead * mean + 1.28 * Math.sqrt(ahead) * deviation) / runners }
}

const seconds = ({ startedAt, completedAt }: Past) => Math.max(0.001, (completedAt - startedAt) / 1000)
const rounded = ({ p50, p90 }: Eta): Eta => ({ p50: Math.ceil(p50), p90: Math.ceil(p90) })

/** The model of the story, if `condition` holds of it. */
const modelOf = (db: Db, id: string, condition: SQL) =>
  sql`(${db
    .select({ model: stories.model })
    .from(stories)
    .where(and(eq(stories.id, id), condition))})`

/** The index `stories_history` holds all that is read. */
function historyQuery(db: Db, model: SQL) {
  return db
    .select({
      startedAt: sql<number>`${stories.startedAt}`,
      completedAt: sql<number>`${stories.completedAt}`,
      frameCount: stories.frameCount,
    })
    .from(stories)
    .where(and(sql`${stories.status} = 'succeeded' AND ${stories.attempt} = 1`, eq(stories.model, model)))
    .orderBy(desc(stories.completedAt))
    .limit(LAST)
}
