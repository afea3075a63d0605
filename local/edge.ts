/** The edge on this machine: the same Worker in real workerd, with D1 and R2 kept in a folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { D1Database } from '@cloudflare/workers-types'
import { build } from 'esbuild'
import { Scope } from '../contract/key.ts'
import { openDb } from '../src/db/client.ts'
import { insertApiKey } from '../src/db/keys/api-keys.ts'
import { apiKeyRow } from '../src/db/keys/new-key.ts'
import type { Bindings } from '../src/platform/env.ts'
import { Log, LogLevel, Miniflare } from './miniflare.ts'

const root = join(import.meta.dirname, '..')
const migrationsFolder = join(root, 'src/db/migrations')
/** Cron has a grain of a minute and does not fire here by itself; a machine of one's own need not wait that long. */
const CRON_MS = 5_000
const BESIDE = 'beside'

export interface EdgeOptions {
  /** 0 for any free one. */
  port: number
  /** Where D1 and R2 keep their files; null for memory. */
  dataDir: string | null
  /** Settings of the Worker, see `src/platform/env.ts`. */
  env: Record<string, string>
  /** Made valid for everything, unless it is known already. */
  apiKey?: string
  /** False when cron runs only by `runCron`. */
  cron?: boolean
  /** Where the Worker's own log lines go. */
  log?: (line: string) => void
  /** Another module in place of `src/index.ts`, such as one that looks into it. */
  entry?: string
  /** The module of another Worker to run in the same workerd, with a D1 of its own. */
  beside?: string
}

type LocalBindings = Pick<Bindings, 'DB' | 'IMAGES' | 'ROOMS' | 'SENDERS'>

export interface Edge {
  url: string
  /** The Worker's bindings, for those who look behind it. */
  bindings: LocalBindings
  /** The Worker beside it, if there is one. */
  beside: { url: string; bindings: Pick<Bindings, 'DB'> } | undefined
  /** What cron does once a minute. */
  runCron: () => Promise<void>
  dispose: () => Promise<void>
}

/** Start the edge; resolves once its database is migrated and it answers. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { port, dataDir, env, apiKey, cron = true, log, entry = join(root, 'src/index.ts'), beside } = options
  await requireFree(port)
  const { compatibilityDate, compatibilityFlags } = await readWranglerToml()
  // A socket of the Worker's own: behind miniflare's usual one, it would not learn that a client has gone.
  const worker = async (entry: string, port: number) => ({
    modules: true,
    script: await bundleWorker(entry),
    compatibilityDate,
    compatibilityFlags,
    unsafeDirectSockets: [{ host: '127.0.0.1', port }],
  })
  const guards = new Set<ChildProcess>()
  const guard: ChannelListener = (message) => guardAgainstOrphans(message, guards)
  subscribe('child_process', guard)
  const main = {
    ...(await worker(entry, port)),
    d1Databases: ['DB'],
    r2Buckets: ['IMAGES'],
    durableObjects: {
      SENDERS: { className: 'WebhookSender', useSQLite: true },
      METER: { className: 'Meter', useSQLite: true },
      ROOMS: { className: 'StoryRoom', useSQLite: true },
    },
    // As a plain folder: with miniflare's own assets, its router would come before the socket of the Worker.
    serviceBindings: { ASSETS: { disk: { path: join(root, 'node_modules/swagger-ui-dist'), writable: false } } },
    bindings: { URL_SECRET: await keepUrlSecret(dataDir), ...env },
  }
  const other = beside !== undefined && { name: BESIDE, ...(await worker(beside, 0)), d1Databases: { DB: BESIDE } }
  const miniflare = new Miniflare({
    log: new Log(LogLevel.ERROR),
    ...(log && {
      handleRuntimeStdio: (...streams: Readable[]) => {
        for (const stream of streams) stream.setEncoding('utf8').on('data', log)
      },
    }),
    d1Persist: dataDir !== null && join(dataDir, 'd1'),
    r2Persist: dataDir !== null && join(dataDir, 'r2'),
    durableObjectsPersist: dataDir !== null && join(dataDir, 'do'),
    workers: other ? [main, other] : [main],
  })
  try {
    const url = (await miniflare.unsafeGetDirectURL()).origin
    unsubscribe('child_process', guard)
    const bindings = await miniflare.getBindings<LocalBindings>()
    await migrate(bindings.DB)
    if (apiKey !== undefined) {
      const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count))
      const everything = { scopes: Scope.options }
      const row = await apiKeyRow(apiKey, 'local', { now: Date.now, randomBytes }, everything)
      await insertApiKey(openDb(bindings.DB), row)
    }
    const worker = await miniflare.getWorker()
    const runCron = async () => {
      await worker.scheduled({ cron: '* * * * *' })
    }
    const timer = cron && setInterval(() => runCron().catch((error) => log?.(`cron: ${error}\n`)), CRON_MS)
    const dispose = async () => {
      if (timer) clearInterval(timer)
      await stop()
    }
    return { url, bindings, beside: other ? await besideOf(miniflare) : undefined, runCron, dispose }
  } catch (error) {
    await stop()
    throw error
  }

  async function stop() {
    unsubscribe('child_process', guard)
    for (const process of guards) process.kill()
    await miniflare.dispose()
  }
}

/**
 * workerd outlives a parent that was killed outright, and keeps its port. So each one gets a companion that ends it
 * once the pipe to us breaks, for whatever reason.
 */
function guardAgainstOrphans(message: unknown, guards: Set<ChildProcess>): void {
  const { process: child } = message as { process: ChildProcess }
  child.once('spawn', () => {
    if (!basename(child.spawnfile).startsWith('workerd')) return
    const script = `process.stdin.resume().on('close', () => { try { process.kill(${child.pid}, 'SIGKILL') } catch {} })`
    const companion = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    companion.unref()
    guards.add(companion)
    child.once('exit', () => companion.kill())
  })
}

async function requireFree(port: number): Promise<void> {
  const probe = createServer()
  const taken = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(true))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)))
  })
  if (taken) throw new Error(`port ${port} cannot be used: something else listens there, or it needs more rights`)
}

async function besideOf(miniflare: Miniflare): Promise<Edge['beside']> {
  const { origin } = await miniflare.unsafeGetDirectURL(BESIDE)
  return { url: origin, bindings: await miniflare.getBindings<Pick<Bindings, 'DB'>>(BESIDE) }
}

async function bundleWorker(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker'],
    mainFields: ['module', 'main'],
  })
  const [file] = outputFiles
  if (!file) throw new Error(`esbuild wrote nothing for ${entry}`)
  return file.text
}

/** Links outlive a restart, as the stories do that they lead to. */
async function keepUrlSecret(dataDir: string | null): Promise<string> {
  const secret = randomBytes(32).toString('hex')
  if (dataDir === null) return secret
  const file = join(dataDir, 'url-secret')
  await mkdir(dataDir, { recursive: true })
  await writeFile(file, secret, { flag: 'wx', mode: 0o600 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  return readFile(file, 'utf8')
}

/** Bring a database up to date; keeps the same record of what has been applied as `wrangler d1 migrations apply`. */
export async function migrate(db: D1Database): Promise<void> {
  await db
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run()
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  const files = (await readdir(migrationsFolder)).filter((name) => name.endsWith('.sql')).sort()
  for (const name of files.filter((name) => !applied.has(name))) {
    const text = await readFile(join(migrationsFolder, name), 'utf8')
    const statements = text.split('--> statement-breakpoint').map((statement) => db.prepare(statement))
    await db.batch([...statements, db.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name)])
  }
}

/** The few settings of `wrangler.toml` that change what a Worker does. */
async function readWranglerToml() {
  const text = await readFile(join(root, 'wrangler.toml'), 'utf8')
  const compatibilityDate = /^compatibility_date = "(.+)"$/m.exec(text)?.[1]
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(text)?.[1] ?? '[]'
  if (!compatibilityDate) throw new Error('wrangler.toml names no compatibility_date')
  return { compatibilityDate, compatibilityFlags: JSON.parse(flags) as string[] }
}
