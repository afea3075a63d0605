/** Bodies of requests: how large they may be, how long they may take, and what JSON in them may not hold. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { jsonFault } from '../../../contract/json.ts'
import { pointer } from '../../../contract/problem.ts'
import { invalid, ProblemError } from './problems.ts'

/** Bytes of a JSON body. */
export const MAX_JSON_BYTES = 1024 * 1024
/** A JSON body that takes longer is refused. */
const JSON_MS = 30_000
/** What is read and thrown away of a refused body, so that the client gets the answer instead of a broken connection. */
const DRAINED = { bytes: 32 * 1024 * 1024, ms: 5_000 }

/**
 * Refuses a larger body, by its Content-Length or while reading, and a compressed one, of which that says nothing. JSON is
 * read at once, and refused for what is not UTF-8 and what `jsonFault` finds in it. (Hono's own `bodyLimit` cuts off the sending.)
 */
export const limitBody = (maxSize: number) =>
  createMiddleware(async (c, next) => {
    const tooLarge = () => new ProblemError('too-large', `the body may have ${maxSize} bytes`)
    const encoding = c.req.header('content-encoding') ?? 'identity'
    if (encoding.toLowerCase() !== 'identity')
      throw new ProblemError('unsupported-media-type', `send the body as it is, not with ${encoding}`, undefined, {
        'accept-encoding': 'identity',
      })
    // HTTP lets no body be longer than it was declared.
    const declared = c.req.header('content-length')
    if (Number(declared ?? 0) > maxSize) throw tooLarge()
    const { body } = c.req.raw
    if (body && declared === undefined) {
      const chunks = await readUpTo(body, maxSize)
      if (!chunks) throw tooLarge()
      c.req.raw = new Request(c.req.raw, { body: new Blob(chunks) })
    }
    if (/^application\/([\w.-]+\+)?json\b/i.test(c.req.header('content-type') ?? '')) await checkJson(c)
    await next()
  })

async function checkJson(c: Context): Promise<void> {
  // Hono keeps the bytes, so that whoever reads the body after this does not wait for it again.
  const bytes = await within(JSON_MS, c.req.arrayBuffer())
  if (bytes === undefined) throw new ProblemError('body-timeout', `no whole body within ${JSON_MS / 1000} s`)
  const fault = jsonFault(decoded(bytes))
  if (fault) throw invalid([{ pointer: pointer(fault.path), message: fault.message }])
}

function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ProblemError('malformed-json', 'the body is not UTF-8')
  }
}

/** Reads the body that a handler left, within `DRAINED`. */
export const drainBody = createMiddleware(async (c, next) => {
  const { body } = c.req.raw
  await next()
  if (body && !body.locked) await drain(body.getReader())
})

type Body = ReadableStream<Uint8Array<ArrayBuffer>>

/** The chunks of a body; undefined when it has more than `maxSize` bytes. Then it is drained. */
async function readUpTo(body: Body, maxSize: number) {
  const reader = body.getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length
    if (size > maxSize) {
      await drain(reader)
      return undefined
    }
    chunks.push(next.value)
  }
  return chunks
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Promise<void> {
  const readOn = async () => {
    let size = 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length
      if (size > DRAINED.bytes) return
    }
  }
  await within(DRAINED.ms, readOn())
}

/** Undefined when `work` takes longer; it is then left to itself. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
  })
  // Nobody is left to hear of an error after that.
  work.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
