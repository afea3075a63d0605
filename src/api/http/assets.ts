/** The static files that come with the Worker: `web/build.ts` makes them. */
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'

/**
 * The file `name`, or 304 where the client has it. Browsers ask each time whether it has changed, because the pages that
 * load it change with it. Throws for a name that is not there: callers name files that are.
 */
export async function sendAsset(c: Context<AppEnv>, name: string, type: string, headers: Record<string, string>) {
  const known = c.req.header('if-none-match')
  const found = await c.env.ASSETS.fetch(`https://assets/${name}`, {
    headers: known === undefined ? {} : { 'if-none-match': known },
  })
  if (!found.ok && found.status !== 304) throw new Error(`the assets answer ${found.status} for ${name}`)
  const tag = found.headers.get('etag')
  const all = { ...headers, 'cache-control': 'no-cache', ...(tag !== null && { etag: tag }) }
  return found.status === 304
    ? c.body(null, 304, all)
    : c.body(await found.arrayBuffer(), 200, { ...all, 'content-type': type })
}
