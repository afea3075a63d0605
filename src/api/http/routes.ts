/** What the routes of the edge share: their app, their documented problems, their limits on bodies. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { PROBLEMS, Problem, type ProblemName } from '../../../contract/problem.ts'
import type { AppEnv } from './app-env.ts'
import { rejectInvalid } from './problems.ts'

/** The `security` of paths that an API key, a client token or a signed link opens. */
export const openToLinks: Record<string, string[]>[] = [{ apiKey: [] }, { clientToken: [] }, { signedLink: [] }]

/** The `security` of paths that an API key or a client token opens. */
export const openToTokens: Record<string, string[]>[] = [{ apiKey: [] }, { clientToken: [] }]

export const newRoutes = () => new OpenAPIHono<AppEnv>({ defaultHook: rejectInvalid })

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
        content: { 'application/problem+json': { schema: Problem, example: exampleOfProblem(names[0] ?? 'internal') } },
      },
    ]),
  )
}

/** As an answer has it whose `detail` is the meaning of the problem. */
export function exampleOfProblem(name: ProblemName): Problem {
  const [status, title, meaning] = PROBLEMS[name]
  const errors = [{ pointer: '/frames/0/prompt', message: 'required' }]
  return {
    type: `/problems/${name}`,
    title,
    status,
    detail: name === 'validation' ? '/frames/0/prompt: required' : meaning,
    ...(name === 'validation' && { errors }),
    ...(status === 429 && { retry_after: 10 }),
    request_id: 'req_mfrggzdfmztwq2lk',
  }
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
  limit: z.coerce
    .number({ error: 'a number from 1 to 50' })
    .int('a whole number')
    .min(1, '1 to 50')
    .max(50, '1 to 50')
    .default(20),
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
