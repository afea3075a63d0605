/** What the routes of the edge share: their app, their documented problems, their limits on bodies. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { PROBLEMS, Problem, type ProblemName } from '../../contract/problem.ts'
import type { AppEnv } from './env.ts'
import { ProblemError, rejectInvalid } from './problems.ts'

/** Bytes of a JSON body. */
export const MAX_JSON_BYTES = 1024 * 1024

export const newRoutes = () => new OpenAPIHono<AppEnv>({ defaultHook: rejectInvalid })

/** Refuses a larger body by its Content-Length, or while reading when it has none. */
export const limitBody = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new ProblemError('too-large', `the body may have ${maxSize} bytes`)
    },
  })

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

export function binary() {
  return { type: 'string', format: 'binary' } as const
}
