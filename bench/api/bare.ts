/** What `POST /stories` is compared with: a Hono handler that stores the body by one D1 insert, and nothing else. */
import type { D1Database } from '@cloudflare/workers-types'
import { Hono } from 'hono'

export default new Hono<{ Bindings: { DB: D1Database } }>().post('/stories', async (c) => {
  const id = crypto.randomUUID()
  const body = await c.req.json()
  await c.env.DB.prepare('INSERT INTO stories (id, request, created_at) VALUES (?, ?, ?)')
    .bind(id, JSON.stringify(body), Date.now())
    .run()
  return c.json({ id }, 202, { location: `/stories/${id}` })
})
