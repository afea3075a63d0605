/**
 * The Worker with its D1 looked into: what each request asks of it, what it leaves to `waitUntil` included. A request
 * is named by the header `x-bench-id`; `GET /bench/<id>` waits until it is quite over, and answers its `D1Use`.
 */
import type { D1Database, D1PreparedStatement, ExecutionContext } from '@cloudflare/workers-types'
import { z } from 'zod'
import worker from '../../src/index.ts'
import type { Bindings } from '../../src/platform/env.ts'

export { Meter, StoryRoom, WebhookSender } from '../../src/index.ts'

export const D1Use = z.object({
  /** Round trips to D1: a batch is one. */
  trips: z.int(),
  statements: z.int(),
  /** As D1 bills them; of batches and of single writes, which are those that tell. */
  rowsRead: z.int(),
  rowsWritten: z.int(),
})
export type D1Use = z.infer<typeof D1Use>

const requests = new Map<string, { use: D1Use; deferred: Promise<unknown>[] }>()

export default {
  async fetch(request: Request, env: Bindings, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/bench/')) {
      const known = requests.get(pathname.slice('/bench/'.length))
      if (!known) return new Response(null, { status: 404 })
      await Promise.allSettled(known.deferred)
      return Response.json(known.use)
    }
    const use = { trips: 0, statements: 0, rowsRead: 0, rowsWritten: 0 }
    const deferred: Promise<unknown>[] = []
    requests.set(request.headers.get('x-bench-id') ?? '', { use, deferred })
    const watched = {
      waitUntil(promise: Promise<unknown>) {
        deferred.push(promise)
        ctx.waitUntil(promise)
      },
      passThroughOnException: () => ctx.passThroughOnException(),
      props: ctx.props,
    }
    return worker.fetch(request, { ...env, DB: counted(env.DB, use) }, watched)
  },
}

/** `db`, which adds to `use` all that is asked of it. */
function counted(db: D1Database, use: D1Use): D1Database {
  const native = new WeakMap<D1PreparedStatement, D1PreparedStatement>()
  const statementOf = (statement: D1PreparedStatement): D1PreparedStatement => {
    const watched = new Proxy(statement, {
      get(target, name) {
        if (name === 'bind') return (...values: unknown[]) => statementOf(target.bind(...values))
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          use.trips++
          use.statements++
          const result: unknown = await method.apply(target, args)
          addRows(result)
          return result
        }
      },
    })
    native.set(watched, statement)
    return watched
  }
  return new Proxy(db, {
    get(target, name) {
      if (name === 'prepare') return (sql: string) => statementOf(target.prepare(sql))
      if (name !== 'batch') throw new Error(`D1 is asked for ${String(name)}, which is not counted`)
      return async (statements: D1PreparedStatement[]) => {
        use.trips++
        use.statements += statements.length
        const results = await target.batch(statements.map((one) => native.get(one) ?? one))
        for (const result of results) addRows(result)
        return results
      }
    },
  })

  function addRows(result: unknown): void {
    const { success, data } = WithMeta.safeParse(result)
    if (!success) return
    use.rowsRead += data.meta.rows_read
    use.rowsWritten += data.meta.rows_written
  }
}

const WithMeta = z.object({ meta: z.object({ rows_read: z.int(), rows_written: z.int() }) })
