/** What the routes of the edge share: their app, their documented problems, their limits on bodies. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { createMiddleware } from 'hono/factory'
import { z } from 'zod'
import { PROBLEMS, Problem, type ProblemName } from '../../../contract/problem.ts'
import type { AppEnv } from './app-env.ts'
import { ProblemError, rejectInvalid } from './problems.ts'

/** The `security` of paths that an API key or a signed link opens. */
export const openToLinks: Record<string, string[]>[] = [{ apiKey: [] }, { signedLink: [] }]

/** Bytes of a JSON body. */
export const MAX_JSON_BYTES = 1024 * 1024

/** A client that sends more than this is cut off. */
const MAX_DRAINED_BYTES = 32 * 1024 * 1024

export const newRoutes = () => new OpenAPIHono<AppEnv>({ defaultHook: rejectInvalid })

/**
 * Refuses a larger body, by its Content-Length or while reading. The rest of it is read and thrown away, because a client
 * whose upload is cut off would see a broken connection instead of the answer. (Hono's own `bodyLimit` cuts it off.)
 */
export const limitBody = (maxSize: number) =>
  createMiddleware(async (c, next) => {
    const tooLarge = () => new ProblemError('too-large', `the body may have ${maxSize} bytes`)
    // HTTP lets no body be longer than it was declared.
    const declared = c.req.header('content-length')
    if (Number(declared ?? 0) > maxSize) throw tooLarge()
    const { body } = c.req.raw
    if (body && declared === undefined) {
      const chunks = await readUpTo(body, maxSize)
      if (!chunks) throw tooLarge()
      c.req.raw = new Request(c.req.raw, { body: new Blob(chunks) })
    }
    await next()
  })

/** Reads what a handler left of the body, for the same reason. */
export const drainBody = createMiddleware(async (c, next) => {
  const { body } = c.req.raw
  await next()
  if (body && !body.locked) await readUpTo(body, 0)
})

/** The chunks of a body; undefined when it has more than `maxSize` bytes, and then read to its end within reason. */
async function readUpTo(body: ReadableStream<Uint8Array<ArrayBuffer>>, maxSize: number) {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_DRAINED_BYTES) break
    if (size <= maxSize) chunks.push(chunk)
  }
  return size <= maxSize ? chunks : undefined
}

export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

export const png = { description: 'The picture', content: { 'image/png': { schema: binary() } } }

/** The `responses` of a route that may answer with these problems. */
export function problems(...names: ProblemName[]) {
  const byStatus = Map.groupBy(names, (name) => PROBLEMS[name][0])
  return Object.fromEntries(
    Array.from(byStatus, ([status, names]) => [
      status,
      {
        description: names.map((name) => `${PROBLEMS[name][1]}: ${PROBLEMS[name][2]}`).join(' '),
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  )
}

/** A schema for the document alone, which validates nothing. References are inlined, since the document does not know them. */
export function documented(schema: z.ZodType): object {
  const { $schema, $defs = {}, ...json } = z.toJSONSchema(schema, { io: 'input' })
  return inlined(json, $defs)
}

function inlined<Node>(node: Node, definitions: Record<string, unknown>): Node {
  return JSON.parse(JSON.stringify(node), (_key, value) => {
    if (typeof value !== 'object' || value === null || !('$ref' in value)) return value
    const { $ref, ...beside } = value
    const definition = definitions[String($ref).replace('#/$defs/', '')]
    return { ...inlined(definition ?? {}, definitions), ...beside }
  })
}

export function binary() {
  return { type: 'string', format: 'binary' } as const
}

/** The page of a list. */
export const PageQuery = z.object({
  cursor: z.string().optional().describe('From `next`'),
  limit: z.coerce.number().int().min(1, '1 to 50').max(50, '1 to 50').default(20),
})

/** A time in a request. The edge has whole milliseconds, so a finer time stands for the millisecond it lies in. */
const Instant = z.iso.datetime({ offset: true, error: 'an ISO 8601 time with its zone, as 2026-11-23T17:00:00Z' })

/** The part of a list that was created within a span of time. */
export const SpanQuery = z.object({
  created_after: Instant.optional().describe('Only those created at this time or later'),
  created_before: Instant.optional().describe('Only those created before this time'),
})
export const spanOf = ({ created_after: after, created_before: before }: z.infer<typeof SpanQuery>) => ({
  ...(after && { after: Date.parse(after) }),
  ...(before && { before: Date.parse(before) }),
})
