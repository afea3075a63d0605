/** A document that is the same for all requests: made once for each origin, and sent to those who do not have it. */
import type { Context } from 'hono'
import { sha256 } from '../../platform/ids.ts'
import type { AppEnv } from './app-env.ts'
import { isKnownTo } from './if-none-match.ts'
import { originOf } from './origin.ts'

/** Origins that are remembered: without PUBLIC_URL, one's own machine has several names. */
const MAX_ORIGINS = 8

export function documentRoute(make: (origin: string) => object) {
  const made = new Map<string, Promise<{ text: string; etag: string }>>()
  return async (c: Context<AppEnv>): Promise<Response> => {
    const origin = originOf(c)
    const known = made.get(origin) ?? write(make(origin))
    if (made.size < MAX_ORIGINS) made.set(origin, known)
    const { text, etag } = await known
    const headers = { etag, 'cache-control': 'public, no-cache' }
    if (isKnownTo(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
    return c.body(text, 200, { ...headers, 'content-type': 'application/json' })
  }
}

async function write(document: object): Promise<{ text: string; etag: string }> {
  const text = JSON.stringify(document)
  return { text, etag: `"${await sha256(new TextEncoder().encode(text))}"` }
}
