/** The edge on this machine: the same Worker in real workerd, with D1 and R2 kept in a folder. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Scope } from '../contract/key.ts'
import { openDb } from '../src/db/client.ts'
import { insertApiKey } from '../src/db/keys/api-keys.ts'
import { apiKeyRow } from '../src/db/keys/new-key.ts'
import type { Bindings } from '../src/platform/env.ts'
import { buildAssets } from '../web/build.ts'
import { bundleWorker } from './bundle.ts'
import { isUpToDate, migrate, noteUpToDate } from './migrate.ts'
import { Log, LogLevel, Miniflare, type Request, Response } from './miniflare.ts'
import { watchWorkerd } from './workerd.ts'

const root = join(import.meta.dirname, '..')
/** Cron has a grain of a minute and does not fire here by itself; a machine of one's own need not wait that long. */
const CRON_MS = 5_000
const SECOND = 'second'

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
  /** The API key for the token of a sign-in link; undefined for one that does not open. */
  signIn?: (token: string) => string | undefined
  /** The module of another Worker to run in the same workerd, with a D1 of its own. */
  second?: string
}

type LocalBindings = Pick<Bindings, 'DB' | 'IMAGES' | 'ROOMS' | 'SENDERS'>

export interface Edge {
  url: string
  /** The Worker's bindings, for those who look behind it. */
  bindings: LocalBindings
  /** The other Worker, if there is one. */
  second: { url: string; bindings: Pick<Bindings, 'DB'> } | undefined
  /** What cron does once a minute. */
  runCron: () => Promise<void>
  /** Resolves with how workerd ended, if it ended before `dispose`. */
  ended: Promise<string>
  dispose: () => Promise<void>
}

/** Start the edge; resolves once its database is migrated and it answers. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { port, dataDir, env, apiKey, cron = true, log, entry = join(root, 'src/index.ts'), second, signIn } = options
  await requireFree(port)
  const { compatibilityDate, compatibilityFlags } = await readWranglerToml()
  const watch = watchWorkerd()
  const worker = async (entry: string) => ({
    // As a list: a script alone would be parsed for its imports, of which a bundle has none, for most of a second.
    modules: [{ type: 'ESModule' as const, path: 'worker.mjs', contents: await bundleWorker(entry) }],
    compatibilityDate,
    compatibilityFlags,
  })
  const main = {
    ...(await worker(entry)),
    d1Databases: ['DB'],
    r2Buckets: ['IMAGES'],
    durableObjects: {
      SENDERS: { className: 'WebhookSender', useSQLite: true },
      METER: { className: 'Meter', useSQLite: true },
      ROOMS: { className: 'StoryRoom', useSQLite: true },
      AGENDA: { className: 'Agenda', useSQLite: true },
      WAKER: { className: 'Waker', useSQLite: true },
      CLAIMS: { className: 'ClaimRoom', useSQLite: true },
    },
    // From here: with miniflare's own assets, its router would come before the socket of the Worker.
    serviceBindings: { ASSETS: serveAsset, ...(signIn && { SIGN_IN: signInService(signIn) }) },
    bindings: { URL_SECRET: await keepUrlSecret(dataDir), ...env },
  }
  const other = second !== undefined && { name: SECOND, ...(await worker(second)), d1Databases: { DB: SECOND } }
  const shared = {
    log: new Log(LogLevel.ERROR),
    ...(log && {
      handleRuntimeStdio: (...streams: Readable[]) => {
        for (const stream of streams) stream.setEncoding('utf8').on('data', log)
      },
    }),
    d1Persist: dataDir !== null && join(dataDir, 'd1'),
    r2Persist: dataDir !== null && join(dataDir, 'r2'),
    durableObjectsPersist: dataDir !== null && join(dataDir, 'do'),
  }
  // A socket of the Worker's own: behind miniflare's usual one, it would not learn that a client has gone.
  const open = {
    ...shared,
    workers: [{ ...main, ...socketOn(port) }, ...(other ? [{ ...other, ...socketOn(0) }] : [])],
  }
  // Neither callers who knew the port before a restart nor alarms of Durable Objects may meet an old database, so that is
  // migrated with nothing else there, unless it has been before. A database in memory is new, and nobody knows its port.
  const migration = { ...shared, modules: true, script: 'export default {}', d1Databases: main.d1Databases }
  const isOpen = dataDir === null || (await isUpToDate(join(dataDir, 'd1')))
  const miniflare = new Miniflare(isOpen ? open : migration)
  let disposed: Promise<void> | undefined
  try {
    const { DB } = await miniflare.getBindings<LocalBindings>()
    await migrate(DB)
    if (dataDir !== null) await noteUpToDate(join(dataDir, 'd1'))
    if (apiKey !== undefined) await admit(apiKey, DB)
    if (!isOpen) {
      watch.expectEnd()
      await miniflare.setOptions(open)
    }
    const url = (await miniflare.unsafeGetDirectURL()).origin
    const bindings = await miniflare.getBindings<LocalBindings>()
    const worker = await miniflare.getWorker()
    const runCron = async () => {
      await worker.scheduled({ cron: '* * * * *' })
    }
    const timer = cron && setInterval(() => runCron().catch((error) => log?.(`cron: ${error}\n`)), CRON_MS)
    const dispose = async () => {
      if (timer) clearInterval(timer)
      await stop()
    }
    const { ended } = watch
    return { url, bindings, second: other ? await secondOf(miniflare) : undefined, runCron, ended, dispose }
  } catch (error) {
    await stop()
    throw error
  }

  async function stop() {
    watch.stop()
    await (disposed ??= miniflare.dispose())
  }
}

/** Made when the first file is asked for. */
let assets: ReturnType<typeof buildAssets> | undefined

async function serveAsset(request: Request): Promise<Response> {
  const file = (await (assets ??= buildAssets())).get(new URL(request.url).pathname.slice(1))
  if (!file) return new Response(null, { status: 404 })
  const etag = `"${createHash('sha256').update(file).digest('hex')}"`
  const known = request.headers.get('if-none-match') === etag
  return new Response(known ? null : file, { status: known ? 304 : 200, headers: { etag } })
}

const signInService = (exchange: (token: string) => string | undefined) => async (request: Request) => {
  const key = exchange(await request.text())
  return new Response(key ?? null, { status: key === undefined ? 404 : 200 })
}

const socketOn = (port: number) => ({ unsafeDirectSockets: [{ host: '127.0.0.1', port }] })

/** A key that may do everything; throws when it is not spelt like one, or was revoked. */
async function admit(apiKey: string, DB: Bindings['DB']): Promise<void> {
  const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count))
  const row = await apiKeyRow(
    apiKey,
    'local',
    { now: Date.now, randomBytes },
    { scopes: Scope.options.filter((scope) => scope !== 'runner') },
  )
  const { prefix, revokedAt } = await insertApiKey(openDb(DB), row)
  if (revokedAt !== null)
    throw new Error(`the API key ${prefix}… was revoked: give another one, or remove the file that keeps it`)
}

async function requireFree(port: number): Promise<void> {
  const probe = createServer()
  const taken = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(true))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)))
  })
  if (taken) throw new Error(`port ${port} cannot be used: something else listens there, or it needs more rights`)
}

async function secondOf(miniflare: Miniflare): Promise<Edge['second']> {
  const { origin } = await miniflare.unsafeGetDirectURL(SECOND)
  return { url: origin, bindings: await miniflare.getBindings<Pick<Bindings, 'DB'>>(SECOND) }
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

/** The few settings of `wrangler.toml` that change what a Worker does. */
async function readWranglerToml() {
  const text = await readFile(join(root, 'wrangler.toml'), 'utf8')
  const compatibilityDate = /^compatibility_date = "(.+)"$/m.exec(text)?.[1]
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(text)?.[1] ?? '[]'
  if (!compatibilityDate) throw new Error('wrangler.toml names no compatibility_date')
  return { compatibilityDate, compatibilityFlags: JSON.parse(flags) as string[] }
}
