/** A database of its own, in real workerd, with all migrations applied; closed after the tests of the file. */
import { after } from 'node:test'
import type { D1Database } from '@cloudflare/workers-types'
import { StoryRequest } from '../contract/story.ts'
import { migrate } from '../local/migrate.ts'
import { Miniflare } from '../local/miniflare.ts'
import { openDb } from '../src/db/client.ts'
import { insertApiKey } from '../src/db/keys/api-keys.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { claim } from '../src/db/queue/claim.ts'
import { enqueue, newStory } from '../src/db/queue/enqueue.ts'
import { dueStories, sweep } from '../src/db/queue/sweep.ts'

export const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count))

export async function testD1() {
  const script = 'export default { fetch: () => new Response() }'
  const miniflare = new Miniflare({ modules: true, script, d1Databases: ['DB'] })
  after(() => miniflare.dispose())
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>()
  await migrate(DB)
  const db = openDb(DB)
  const { row } = await newApiKey('tests', { now: () => 0, randomBytes })
  await insertApiKey(db, row)
  let count = 0

  /** Queue a story at time `now`, for a model of its own unless one is given, so that tests do not claim each other's. */
  async function queued(now = 0, request: Partial<StoryRequest> = {}, model = `model-${++count}`) {
    const story = StoryRequest.parse({ frames: [{ prompt: 'one' }, { prompt: 'two' }], ...request })
    const id = `story-${model}-${++count}`
    const origin = 'https://edge.example'
    await enqueue(db, newStory({ id, apiKeyId: row.id, request: story, model, seed: 7, origin }, now), now)
    return { id, model }
  }

  /** Claim the next story of `model` under `leaseToken`, to a runner of that name. */
  async function take(model: string, leaseToken: string, now: number, leaseMs = 100) {
    const { claimed } = await claim(db, { model, runner: leaseToken, leaseTokens: [leaseToken], leaseMs }, now)
    return claimed[0]
  }

  /** What cron does to the queue. */
  const sweepAll = async (now: number) => sweep(db, await dueStories(db, now), now)

  return { DB, db, apiKeyId: row.id, queued, take, sweepAll }
}
