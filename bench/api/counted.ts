/**
 * The Worker with its D1 looked into: what each request asks of it, what it leaves to `waitUntil` included. A request
 * is named by the header `x-bench-id`; `GET /bench/<id>` waits until it is quite over, and answers its `D1Use`.
 */
import type { D1Database, ExecutionContext } from '@cloudflare/workers-types'
import { z } from 'zod'
import { watchD1 } from '../../local/faulty/watch.ts'
import worker from '../../src/index.ts'
import type { Bindings } from '../../src/platform/env.ts'

export { Agenda, ClaimRoom, Meter, StoryRoom, Waker, WebhookSender } from '../../src/index.ts'

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
const counted = (db: D1Database, use: D1Use): D1Database =>
  watchD1(db, async (asked, run) => {
    use.trips++
    use.statements += asked.length
    const answer = await run()
    for (const result of [answer].flat()) {
      const { success, data } = WithMeta.safeParse(result)
      if (!success) continue
      use.rowsRead += data.meta.rows_read
      use.rowsWritten += data.meta.rows_written
    }
    return answer
  })

const WithMeta = z.object({ meta: z.object({ rows_read: z.int(), rows_written: z.int() }) })
