/** Spoilt requests, made from the OpenAPI document: each from a random source of its own, so that it can be made again. */
import { pngOf } from '../local/chaos/png.ts'

export interface Operation {
  method: string
  path: string
  parameters: { name: string; in: string }[]
  /** By content type; the example, where the document has one. */
  bodies: [type: string, example: unknown][]
}

/** What stands in requests besides nonsense: by the names of path parameters, of headers, and of fields in bodies. */
export interface Known {
  params: { id: string[]; [name: string]: string[] }
  headers: Record<string, string[]>
  fields: Record<string, string[]>
  credentials: string[]
}

export interface FuzzRequest {
  method: string
  path: string
  headers: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
}

export interface Random {
  /** In [0, 1). */
  next: () => number
  below: (n: number) => number
  pick: <T>(from: readonly T[]) => T
}

export interface Document {
  paths: Record<string, Record<string, unknown>>
}
interface DocumentedOperation {
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { example?: unknown }> }
}

export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, DocumentedOperation>).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      bodies: Object.entries(operation.requestBody?.content ?? {}).map(([type, { example }]): [string, unknown] => [
        type,
        example,
      ]),
    })),
  )
}

/** mulberry32: the same numbers for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return { next, below, pick: (from) => from[below(from.length)]! }
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'QUERY']
const SEGMENTS = [
  ...['', '.', '..', '%2e%2e%2f', '%00', '%FF', '%', 'null', '-1', '0', '0.png', '99.png', '1e9', '__proto__'],
  ...['constructor', "' OR 1=1 --", '\u{1F98A}', '\u202Efox', 'a'.repeat(26), 'a'.repeat(3000), '{id}', '*', 'msg_x'],
]
// None between 2 and 60, which a long poll would take for seconds to wait.
const VALUES = [
  ...SEGMENTS,
  '1',
  '61',
  '-0',
  'NaN',
  'Infinity',
  '99999999999999999999',
  'true',
  '[]',
  '1763913600000.x',
]
const TYPES = [
  'application/json',
  'text/plain',
  'application/json; charset=utf-16',
  'multipart/form-data',
  'image/png',
  '',
]
const STRINGS = [
  '',
  ' ',
  '\u0000',
  '\uD800',
  '\u{1F98A}'.repeat(500),
  'x'.repeat(100_000),
  '__proto__',
  '../../etc/passwd',
]
const JUNK: readonly unknown[] = [
  ...[null, true, false, 0, -1, 0.5, 1e308, -1e308, 2 ** 53, {}, [], [[]], [null], { a: {} }],
  ...STRINGS,
]

export function requestFrom(random: Random, operation: Operation, known: Known): FuzzRequest {
  const { pick, next } = random
  const method = next() < 0.03 ? pick(METHODS) : operation.method
  const path = pathOf(random, operation, known) + queryOf(random, operation)
  const headers: Record<string, string> = {}
  if (next() < 0.95) headers.authorization = next() < 0.93 ? pick(known.credentials) : `Bearer ${pick(VALUES)}`
  for (const parameter of operation.parameters)
    if (parameter.in === 'header' && next() < 0.7) headers[parameter.name] = headerOf(random, parameter.name, known)
  if (next() < 0.05) headers[pick(['prefer', 'range', 'if-none-match', 'last-event-id', 'traceparent'])] = pick(VALUES)
  if (next() < 0.05) headers['idempotency-key'] = pick(VALUES)
  for (const [name, value] of Object.entries(headers)) headers[name] = value.replace(/[^ -~]/g, '?')
  const [type, example] = operation.bodies.length > 0 ? pick(operation.bodies) : ['application/json', {}]
  if (method === 'GET' || method === 'HEAD' || (operation.bodies.length === 0 && next() < 0.8))
    return { method, path, headers }
  const whole = type.startsWith('multipart/') ? `${type}; boundary=${BOUNDARY}` : type
  const contentType = next() < 0.95 ? whole : pick(TYPES)
  if (contentType) headers['content-type'] = contentType
  return { method, path, headers, body: bodyOf(random, type, example, known) }
}

function headerOf({ next, pick }: Random, name: string, { headers, params }: Known): string {
  const known = headers[name]
  if (known && next() < 0.8) return pick(known)
  return pick([...VALUES, ...params.id, '"quoted"'])
}

function pathOf({ next, pick }: Random, { path }: Operation, { params }: Known): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    if (next() < 0.8) return pick(params[name] ?? params.id)
    const segment = pick(SEGMENTS)
    return next() < 0.5 ? encodeURIComponent(segment) : segment.replace(/[^!-~]|[?#]/gu, encodeURIComponent)
  })
}

function queryOf({ next, pick }: Random, { parameters }: Operation): string {
  const query = new URLSearchParams()
  for (const { name, in: place } of parameters) if (place === 'query' && next() < 0.5) query.append(name, pick(VALUES))
  if (next() < 0.05) query.append(pick(['sig', 'exp', 'cursor', 'limit', 'dry_run', 'x']), pick(VALUES))
  const text = query.toString()
  return text ? `?${text}` : ''
}

function bodyOf(random: Random, type: string, example: unknown, { fields }: Known): string | Uint8Array<ArrayBuffer> {
  const { next, below, pick } = random
  if (type === 'image/png' && next() < 0.5) return pngOf(below(2 ** 24))
  if (type.startsWith('multipart/') && next() < 0.7) return formOf(random)
  if (!/json/.test(type)) return Uint8Array.from({ length: next() < 0.01 ? 9_000_000 : below(2000) }, () => below(256))
  let value = structuredClone(example)
  for (let times = below(4); times > 0; times--) value = spoil(random, value)
  const replaced = (name: string, value: unknown) => {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined
    return known && typeof value === 'string' && next() < 0.7 ? pick(known) : value
  }
  const text = JSON.stringify(value, replaced) ?? ''
  if (next() < 0.9) return text
  const depth = below(100_000)
  return pick([
    text.slice(0, below(text.length)),
    `${text}}`,
    `[${text}`,
    '['.repeat(depth),
    `${text}${' '.repeat(2_000_000)}`,
  ])
}

const PARTS = ['name', 'description', 'references', 'content', 'filename', 'type', 'metadata', '__proto__', '\u{1F98A}']
const BOUNDARY = 'fuzz'

/** A form (RFC 7578) of the parts that some route has a use for; now and then its end is missing. */
function formOf({ next, below, pick }: Random): string {
  const parts = Array.from({ length: below(7) }, () => {
    const file =
      next() < 0.4 ? `; filename="${pick(['a.png', '', '../x', '\u{1F98A}'])}"\r\ncontent-type: ${pick(TYPES)}` : ''
    const value = next() < 0.5 ? 'x' : pick([...STRINGS, ...SEGMENTS, '{"a":1}', '{', 'https://app.example/a.png'])
    return `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${pick(PARTS)}"${file}\r\n\r\n${value}\r\n`
  })
  return `${parts.join('')}${next() < 0.95 ? `--${BOUNDARY}--\r\n` : ''}`
}

/** One value somewhere in `value` becomes another, goes, or comes twice. */
function spoil(random: Random, value: unknown): unknown {
  const { next, below, pick } = random
  if (typeof value !== 'object' || value === null || next() < 0.15) return pick(JUNK)
  if (Array.isArray(value)) {
    const at = below(value.length)
    if (value.length === 0 || next() < 0.2)
      return [...value, ...Array.from({ length: below(40) }, () => value[at] ?? pick(JUNK))]
    return next() < 0.2 ? value.toSpliced(at, 1) : value.with(at, spoil(random, value[at]))
  }
  const entries = Object.entries(value)
  const [name, inner] = entries.length > 0 ? pick(entries) : ['x', {}]
  if (next() < 0.15) return Object.fromEntries(entries.filter(([other]) => other !== name))
  if (next() < 0.1) return { ...value, [pick([...STRINGS.slice(0, 5), 'surprise', 'constructor'])]: pick(JUNK) }
  return { ...value, [name]: spoil(random, inner) }
}
