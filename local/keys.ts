/**
 * `npm run keys -- create|list|update|rotate|revoke|revoke-links`: API keys of a running edge, by its `/keys`. The edge is named by
 * FABLEFRAME_EDGE_URL, and FABLEFRAME_API_KEY is a key with the scope `admin`. The first of these, for an edge that has
 * none, comes from `create --sql`: SQL on the standard output, the key on the standard error.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { CreateKey, Key, KeyList, NewKey, RevokedKey, UpdateKey } from '../contract/key.ts'
import { issuesOf, Problem } from '../contract/problem.ts'
import { type Command, command as openCommand, sentenceOf } from '../gpu-runner/src/cli/command.ts'
import { apiKeyRow } from '../src/db/keys/new-key.ts'
import { newKeyText } from '../src/platform/api-key.ts'

const usage = `npm run keys -- create --name <name> [--scopes stories:read,stories:write,webhooks,admin,runner] [--expires <date>]
                       [--tenant <name>] [--retention <days>|ever] [--creates-per-minute <n>]
                       [--weight <n>] [--max-running <n>] [--max-queued <n>] [--max-stored-bytes <n>]
                       [--origins <https://a.example,…>] [--sql]
npm run keys -- list
npm run keys -- update <id> [--tenant <name>] [--creates-per-minute <n>|default] [--weight <n>] [--max-running <n>]
                       [--max-queued <n>] [--max-stored-bytes <n>] [--origins <https://a.example,…>|none]
npm run keys -- rotate <id> [--overlap <hours>]
npm run keys -- revoke <id> [--stop]
npm run keys -- revoke-links <id>`

/** Tries of a request that was not answered, or with a fault of the edge. What they send again takes effect once. */
const TRIES = 3

const cli: Command = openCommand('keys', usage)
const { FABLEFRAME_EDGE_URL = 'http://127.0.0.1:8787', FABLEFRAME_API_KEY } = process.env

try {
  await main()
} catch (error) {
  cli.fail(sentenceOf(error), 1)
}

async function main(): Promise<void> {
  const { positionals, values } = cli.read(
    {
      name: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      retention: { type: 'string' },
      'creates-per-minute': { type: 'string' },
      weight: { type: 'string' },
      'max-running': { type: 'string' },
      'max-queued': { type: 'string' },
      'max-stored-bytes': { type: 'string' },
      origins: { type: 'string' },
      overlap: { type: 'string' },
      tenant: { type: 'string' },
      stop: { type: 'boolean', default: false },
      sql: { type: 'boolean', default: false },
    },
    { positionals: true },
  )
  const [wanted, id] = positionals
  const command = cli.word('command', ['create', 'list', 'update', 'rotate', 'revoke', 'revoke-links'], wanted)
  if (command === 'create') {
    const { name, tenant, scopes, expires, retention } = values
    const asked = parse(CreateKey, {
      name,
      ...(tenant !== undefined && { tenant }),
      ...(scopes !== undefined && { scopes: scopes.split(',') }),
      ...(expires !== undefined && { expires_at: dateOf(expires) }),
      ...(retention !== undefined && { retention_days: retention === 'ever' ? null : Number(retention) }),
      ...limitsOf(values),
    })
    return values.sql ? printSql(asked) : printNew(await call('POST', '/keys', asked))
  }
  if (command === 'list') {
    for (const key of KeyList.parse(await call('GET', '/keys')).results) console.log(lineOf(key))
    return
  }
  if (command === 'update' && id) {
    const { name, scopes, expires, retention } = values
    const fixed = Object.fromEntries(Object.entries({ name, scopes, expires, retention }).filter(([, one]) => one))
    const tenant = values.tenant !== undefined && { tenant: values.tenant }
    const changes = parse(UpdateKey, { ...fixed, ...tenant, ...limitsOf(values) })
    const key = Key.parse(await call('PATCH', `/keys/${encodeURIComponent(id)}`, changes))
    console.log(`${lineOf(key)}\n${limitsLineOf(key)}`)
    return
  }
  if (command === 'rotate' && id) {
    const overlap = values.overlap !== undefined && { overlap_hours: Number(values.overlap) }
    return printNew(await call('POST', `/keys/${encodeURIComponent(id)}/rotate`, { ...overlap }))
  }
  if (command === 'revoke' && id) return revoke(encodeURIComponent(id), values.stop)
  if (command === 'revoke-links' && id) {
    console.log(lineOf(Key.parse(await call('POST', `/keys/${encodeURIComponent(id)}/links/revoke`))))
    return
  }
  cli.fail(`${command} needs the id of a key, which list shows`)
}

/** With `stop`, its stories too, as many requests as that takes. */
async function revoke(id: string, stop: boolean): Promise<void> {
  const path = stop ? `/keys/${id}?stop=true` : `/keys/${id}`
  for (;;) {
    const { stopped, ...key } = RevokedKey.parse(await call('DELETE', path))
    if (stopped) console.log(`${stopped.canceled} stories canceled, ${stopped.stopping} stopping`)
    if (stopped?.more) continue
    console.log(lineOf(key))
    return
  }
}

interface LimitOptions {
  'creates-per-minute'?: string | undefined
  weight?: string | undefined
  'max-running'?: string | undefined
  'max-queued'?: string | undefined
  'max-stored-bytes'?: string | undefined
  origins?: string | undefined
}

function limitsOf({
  'creates-per-minute': creates,
  weight,
  'max-running': running,
  'max-queued': queued,
  'max-stored-bytes': stored,
  origins,
}: LimitOptions) {
  return {
    ...(creates !== undefined && { creates_per_minute: creates === 'default' ? null : Number(creates) }),
    ...(weight !== undefined && { weight: Number(weight) }),
    ...(running !== undefined && { max_running: Number(running) }),
    ...(queued !== undefined && { max_queued: Number(queued) }),
    ...(stored !== undefined && { max_stored_bytes: Number(stored) }),
    ...(origins !== undefined && { origins: origins === 'none' ? [] : origins.split(',') }),
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, wanted: object): z.output<Schema> {
  const parsed = schema.safeParse(wanted)
  if (parsed.success) return parsed.data
  const faults = issuesOf(parsed.error).map(({ pointer, message }) => `${pointer.slice(1)}: ${message}`)
  throw new Error([...faults, usage].join('\n'))
}

function dateOf(text: string): string {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new Error(`--expires ${text}: not a date, such as 2027-01-31`)
  return date.toISOString()
}

async function call(method: string, path: string, body?: object): Promise<unknown> {
  if (!FABLEFRAME_API_KEY) throw new Error('FABLEFRAME_API_KEY is to hold a key with the scope admin')
  const request = {
    method,
    headers: {
      authorization: `Bearer ${FABLEFRAME_API_KEY}`,
      'content-type': 'application/json',
      ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }
  for (let left = TRIES - 1; ; left--) {
    const response = await fetch(new URL(path, FABLEFRAME_EDGE_URL), request).catch((error: Error) => {
      if (left === 0) throw new Error(`${FABLEFRAME_EDGE_URL} cannot be reached: ${error.cause ?? error.message}`)
    })
    if (left > 0 && (!response || response.status >= 500)) continue
    const answer: unknown = await response?.json()
    if (response?.ok) return answer
    const { status, title, detail } = Problem.parse(answer)
    throw new Error(`${status} ${title}: ${detail}`)
  }
}

function printNew(answer: unknown): void {
  const { key, webhook_secret: secret, ...view } = NewKey.parse(answer)
  console.log(lineOf(view))
  console.log(`The key, shown this once: ${key}`)
  if (secret !== undefined) console.log(`For the runner:\nRUNNER_TOKEN=${key}\nRUNNER_WEBHOOK_SECRET=${secret}`)
}

/** For `wrangler d1 execute`. */
async function printSql(wanted: CreateKey): Promise<void> {
  const tools = { now: Date.now, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) }
  const key = newKeyText(tools)
  const row = await apiKeyRow(key, wanted.name, tools)
  const values = {
    id: row.id,
    name: row.name,
    tenant: wanted.tenant,
    hash: row.hash,
    prefix: row.prefix,
    webhook_secret: row.webhookSecret,
    scopes: JSON.stringify(wanted.scopes),
    retention_days: wanted.retention_days,
    creates_per_minute: wanted.creates_per_minute,
    weight: wanted.weight,
    max_running: wanted.max_running,
    max_queued: wanted.max_queued,
    max_stored_bytes: wanted.max_stored_bytes,
    origins: JSON.stringify(wanted.origins),
    expires_at: wanted.expires_at && Date.parse(wanted.expires_at),
    created_at: row.createdAt,
  }
  const literals = Object.values(values).map((value) =>
    value === null ? 'NULL' : typeof value === 'number' ? value : `'${value.replaceAll("'", "''")}'`,
  )
  console.log(`INSERT INTO api_keys (${Object.keys(values).join(', ')}) VALUES (${literals.join(', ')});`)
  console.error(`The key, shown this once: ${key}`)
}

function limitsLineOf({ weight, creates_per_minute: creates, ...key }: Key): string {
  return [
    `weight ${weight}, max-running ${key.max_running}, max-queued ${key.max_queued}`,
    `creates-per-minute ${creates ?? 'default'}, max-stored-bytes ${key.max_stored_bytes} (${key.stored_bytes} taken)`,
    `origins ${key.origins.join(',') || 'none'}`,
  ].join(', ')
}

function lineOf(key: Key): string {
  const end = key.revoked_at ? `revoked ${key.revoked_at}` : key.expires_at ? `until ${key.expires_at}` : 'in force'
  return [key.id, `${key.prefix}…`, key.name, key.scopes.join(','), end].join('  ')
}
