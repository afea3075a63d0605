/** One run: apps, runners and webhook endpoints that misbehave, an edge that is killed, and the history of it all. */
import { randomBytes as bytesOf } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { D1Database, R2Bucket } from '@cloudflare/workers-types'
import { openDb } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/db/keys/api-keys.ts'
import { newApiKey } from '../../src/db/keys/new-key.ts'
import { startEdgeChild } from '../edge-child.ts'
import type { Calls, Fault } from '../faulty/worker.ts'
import { migrate } from '../migrate.ts'
import { Miniflare } from '../miniflare.ts'
import { simulateApp } from './app.ts'
import { leakedSecrets } from './check-stores.ts'
import { watchClaims } from './claims.ts'
import { readDatabase, readStores, recordTransitions } from './database.ts'
import { FAULTS, leftOfPlanted, PLANTED_WEBHOOK, passTime, plant, SECRET, stuck } from './faults.ts'
import { emptyHistory, type History } from './history.ts'
import { seeded } from './random.ts'
import { openReceivers } from './receiver.ts'
import { simulateRunner } from './runner.ts'

export interface ChaosOptions {
  /** How long stories are posted and runners misbehave; after that, what is left is finished. */
  seconds: number
  runners: number
  seed: number
  leaseSeconds: number
  /** Stories of each key that are posted at once in the beginning. */
  burst: number
  /** How often the edge is killed and started again. */
  restarts: number
  /** D1 and R2 fail now and then. */
  faults: boolean
  log: (line: string) => void
}

const entry = fileURLToPath(new URL('../faulty/worker.ts', import.meta.url))
const MODELS = ['story-mini', 'story-large']
const KEYS = [
  { weight: 1, maxRunning: 2 },
  { weight: 2, maxRunning: 3 },
  { weight: 1, maxRunning: 1 },
  { weight: 4, maxRunning: 6 },
]
/** After the posting has ended, so many looks at what is left, half a second apart, may show no change. */
const STALLED_ANSWERS = 150

export async function runChaos(options: ChaosOptions): Promise<History> {
  const { seconds, seed, leaseSeconds, log } = options
  const random = seeded(seed)
  const dataDir = await mkdtemp(join(tmpdir(), 'chaos-'))
  const history = emptyHistory()
  const claimLog = watchClaims()
  const tools = { now: Date.now, randomBytes: (count: number) => new Uint8Array(bytesOf(count)) }
  const keys = await Promise.all(
    KEYS.map(async (about, n) => {
      const { key, row } = await newApiKey(`chaos-${n}`, tools)
      return { key, row: { ...row, ...about, maxQueued: 2 * options.burst }, ...about }
    }),
  )
  history.keys = keys.map(({ row, weight, maxRunning }) => ({ id: row.id, weight, maxRunning }))
  await withDatabase(dataDir, async (d1) => {
    await migrate(d1)
    for (const { row } of keys) await insertApiKey(openDb(d1), row)
    await recordTransitions(d1)
  })
  const planted = await newApiKey('planted', tools)
  const secretsOfKeys = [planted, ...keys].map(({ row }) => [row.id, row.webhookSecret] as const)
  const receivers = await openReceivers(new Map(secretsOfKeys), history)
  if (options.faults)
    await withDatabase(dataDir, (d1) => plant(d1, planted.row, receivers.urlsOf(planted.row.id)[0] ?? ''))
  const token = bytesOf(24).toString('hex')
  const secret = `whsec_${bytesOf(32).toString('base64')}`
  const settings = {
    RUNNER_TOKEN: token,
    RUNNER_WEBHOOK_SECRET: secret,
    ALLOW_INSECURE_WEBHOOKS: '1',
    LEASE_SECONDS: String(leaseSeconds),
    RATE_LIMIT_CREATE: '1000000',
    RATE_LIMIT_READ: '1000000',
    RATE_LIMIT_UNAUTHENTICATED: '1000000',
    MODELS: MODELS.join(),
  }
  let logged = ''
  const start = (port: string, faults: Fault[]) =>
    options.faults
      ? startEdgeChild(
          port,
          dataDir,
          { ...settings, entry, FAULTS: JSON.stringify(faults) },
          (text) => (logged += text),
        )
      : startEdgeChild(port, dataDir, settings)
  let edge = await start('0', FAULTS)
  let leftUndone: string[] = []
  const { url } = edge
  const posting = new AbortController()
  const running = new AbortController()
  const apps = keys.map(({ key, row }) =>
    simulateApp({
      url,
      id: row.id,
      apiKey: key,
      models: MODELS,
      webhooks: receivers.urlsOf(row.id),
      random: random.fork(),
      burst: options.burst,
      claimLog,
      history,
      faults: options.faults,
    }),
  )
  try {
    const runners = Array.from({ length: options.runners }, (_, n) =>
      simulateRunner({
        name: `chaos-${n}`,
        model: MODELS[n % MODELS.length]!,
        url,
        token,
        secret,
        random: random.fork(),
        signal: running.signal,
        misbehaves: () => !posting.signal.aborted,
        leaseMs: leaseSeconds * 1000,
        claimLog,
        history,
        faults: options.faults,
      }),
    )
    const posters = apps.map((app) => app.run(posting.signal))
    for (let n = 0; n <= options.restarts; n++) {
      // Now and then it is killed as soon as it is back.
      const share = n < options.restarts && random.chance(0.2) ? 0.05 : 0.5 + random.next()
      await sleep((share * 1000 * seconds) / (options.restarts + 1))
      if (n === options.restarts) continue
      log(`the edge is killed, with ${history.accepted.length} stories accepted`)
      await restarted(FAULTS)
    }
    posting.abort()
    await Promise.all(posters)
    log(`${history.accepted.length} stories accepted; what is left of them is finished`)
    if (options.faults) {
      // Nothing fails any more but the deletion of some objects, and that must not hold up anything else.
      await restarted([stuck])
      await drained(false)
      running.abort()
      await Promise.all(runners)
      await edge.kill()
      await withDatabase(dataDir, async (d1) => {
        leftUndone = await leftOfPlanted(d1)
        await passTime(d1)
      })
      edge = await start(new URL(url).port, [])
    }
    await drained(true)
    running.abort()
    await Promise.all(runners)
  } finally {
    posting.abort()
    running.abort()
    await edge.kill()
    receivers.close()
  }
  const secrets = [token, secret, SECRET, ...keys.flatMap(({ key, row }) => [key, row.webhookSecret])]
  await withDatabase(dataDir, async (d1, r2) => {
    Object.assign(history, await readDatabase(d1, r2))
    if (!options.faults) return
    history.received = history.received.filter(({ story }) => story !== PLANTED_WEBHOOK)
    const leaks = leakedSecrets(logged, secrets)
    history.stores = { ...(await readStores(d1, r2)), leftOfPlanted: leftUndone, log: logged, leaks }
  })
  await rm(dataDir, { recursive: true })
  return history

  async function restarted(faults: Fault[]): Promise<void> {
    await edge.kill()
    edge = await start(new URL(url).port, faults)
  }

  /** Objects that are still to be deleted, as the faulty Worker says. */
  async function deletions(): Promise<number> {
    const { deletions } = (await (await fetch(new URL('/faults', url))).json()) as Calls
    return deletions
  }

  /**
   * Resolves when everything is over, or as many answers in a row say that nothing has moved as no sound edge would give.
   * Answers are counted, not seconds: the whole machine may be slow, or stand still for a while.
   */
  async function drained(isErased: boolean): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    for (let unmoved = 0; unmoved < STALLED_ANSWERS; await sleep(500)) {
      const counts = await Promise.all(apps.map((app) => app.unfinished(history.reliable, isErased)))
      if (counts.includes(undefined)) continue
      const enqueued = options.faults && isErased ? await deletions() : 0
      const left = counts.reduce<number>((sum, count) => sum + (count ?? 0), enqueued)
      if (left === 0) return
      unmoved = left < least ? 0 : unmoved + 1
      least = Math.min(least, left)
    }
  }
}

/** The database and the pictures alone, while no edge has them. */
async function withDatabase(dataDir: string, use: (d1: D1Database, r2: R2Bucket) => Promise<unknown>): Promise<void> {
  const script = 'export default { fetch: () => new Response() }'
  const stores = {
    d1Databases: ['DB'],
    d1Persist: join(dataDir, 'd1'),
    r2Buckets: ['IMAGES'],
    r2Persist: join(dataDir, 'r2'),
  }
  const miniflare = new Miniflare({ modules: true, script, ...stores })
  try {
    const { DB, IMAGES } = await miniflare.getBindings<{ DB: D1Database; IMAGES: R2Bucket }>()
    await use(DB, IMAGES)
  } finally {
    await miniflare.dispose()
  }
}
