/** What is measured: the edge in real workerd with a bare handler in the same process, keys that may do all, queues to any length. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { getTableColumns } from 'drizzle-orm'
import type { StoryInput } from '../../contract/story.ts'
import { StoryRequest } from '../../contract/story.ts'
import { startEdge } from '../../local/edge.ts'
import { openDb } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/db/keys/api-keys.ts'
import { newApiKey } from '../../src/db/keys/new-key.ts'
import { newStory } from '../../src/db/queue/enqueue.ts'
import { stories } from '../../src/db/schema/stories.ts'

export const RUNNER_TOKEN = 'a-token-of-the-benchmark'
export const METRICS_TOKEN = 'a-metrics-token-of-the-benchmark'
export const RUNNER_SECRET = `whsec_${btoa('the secret of the runners in benchmarks')}`
export const MODEL = 'story-mini'

export const story = {
  title: 'The fox who stayed',
  style: 'ink and watercolour',
  characters: [
    { id: 'fern', name: 'Fern', description: 'an orange fox wearing a striped blue sweater and red pants' },
    { id: 'pip', name: 'Pip', description: 'a small grey mouse with a yellow scarf' },
  ],
  frames: [
    { prompt: 'Fern reads a book on a beach' },
    { prompt: 'Pip waves from a boat' },
    { prompt: 'Fern and Pip sit in a forest' },
    { prompt: 'Fern sleeps in the snow' },
  ],
} satisfies StoryInput

export interface ApiKey {
  id: string
  key: string
}

export type Bench = Awaited<ReturnType<typeof startBench>>

/** @param entry a module to run in place of the Worker's own. */
export async function startBench({ keys = 1, entry }: { keys?: number; entry?: string } = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'fableframe-bench-'))
  const edge = await startEdge({
    port: 0,
    dataDir,
    cron: false,
    ...(entry && { entry }),
    second: join(import.meta.dirname, 'bare.ts'),
    env: {
      RUNNER_TOKEN,
      METRICS_TOKEN,
      RUNNER_WEBHOOK_SECRET: RUNNER_SECRET,
      // Of the rate limit the code is to be measured, not the effect.
      RATE_LIMIT_CREATE: '1000000000',
      RATE_LIMIT_READ: '1000000000',
    },
  })
  const { DB } = edge.bindings
  if (!edge.second) throw new Error('the bare handler is not there')
  await edge.second.bindings.DB.exec(
    'CREATE TABLE stories (id TEXT PRIMARY KEY, request TEXT NOT NULL, created_at INTEGER NOT NULL)',
  )
  const apiKeys: ApiKey[] = []
  for (let i = 0; i < keys; i++) {
    const { key, row } = await newApiKey(`bench ${i}`, tools, { maxQueued: 1e9, maxRunning: 1e9 })
    await insertApiKey(openDb(DB), row)
    apiKeys.push({ id: row.id, key })
  }
  const [first] = apiKeys
  if (!first) throw new Error('there has to be a key')
  const dispose = async () => {
    await edge.dispose()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { ...edge, bareUrl: edge.second.url, apiKeys, apiKey: first, dispose }
}

const tools = { now: Date.now, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) }
const CHUNK = 50_000

/**
 * Queue `count` stories, spread over the keys, by bulk SQL. The triggers run, so that all counters are what they would
 * be; ids are random, and ages spread over the last hour, as they would be. With `finished`, all their frames are there.
 */
export async function fillQueue(
  db: D1Database,
  apiKeys: ApiKey[],
  count: number,
  { finished = false, model = MODEL }: { finished?: boolean; model?: string } = {},
): Promise<void> {
  const now = Date.now()
  const request = StoryRequest.parse(story)
  const row = newStory({ id: '', apiKeyId: '', request, model, seed: 1, origin: 'http://bench' }, now)
  const given = new Map<string, unknown>(Object.entries(row))
  const columns = Object.entries(getTableColumns(stories)).map(([name, column]) => {
    const made = MADE.get(name)
    const value = given.get(name)
    return { name: `"${column.name}"`, made, value: made || value === null ? null : column.mapToDriverValue(value) }
  })
  const values = columns.filter(({ made }) => made === undefined).map(({ value }) => value)
  for (let done = 0; done < count; done += CHUNK) {
    const size = Math.min(CHUNK, count - done)
    await db
      .prepare(
        `WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${size})
         INSERT INTO stories (${columns.map(({ name }) => name)})
         SELECT ${columns.map(({ made }) => made ?? '?')} FROM n, (SELECT ? AS keys, ? AS now)`,
      )
      .bind(...values, JSON.stringify(apiKeys.map(({ id }) => id)), now)
      .run()
  }
  if (!finished) return
  await db
    .prepare(
      `INSERT INTO frames (story_id, "index", key, sha256, width, height, seed, attempt, created_at)
       SELECT s.id, f.value, 'none', 'none', 512, 512, 1, 1, ? FROM stories s, json_each('[0,1,2,3]') f
       WHERE s.status = 'queued' AND s.model = ? AND NOT EXISTS (SELECT 1 FROM frames WHERE story_id = s.id)`,
    )
    .bind(now, model)
    .run()
}

export async function rowsIn(db: D1Database, table = 'stories'): Promise<number> {
  return (await db.prepare(`SELECT count(*) AS rows FROM ${table}`).first<number>('rows')) ?? 0
}

/** 26 characters of the alphabet of ids, out of random hex digits. */
const ID = "replace(replace(replace(replace(lower(hex(randomblob(13))), '0', 'g'), '1', 'h'), '8', 'i'), '9', 'j')"
const AGE = 'now - 3600000 + abs(random() % 3600000)'
const MADE = new Map([
  ['id', ID],
  ['apiKeyId', "json_extract(keys, '$[' || (i % json_array_length(keys)) || ']')"],
  ['claimableAt', AGE],
  ['createdAt', AGE],
])
