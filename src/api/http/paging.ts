/** Lists in pages, newest first: the cursor names the last row of the page before, as `<created_at in ms>.<id>`. */
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { originOf } from './origin.ts'
import { invalid } from './problems.ts'

interface Row {
  createdAt: number
  id: string
}

/** Throws `validation` for a cursor that no page has given out; undefined without one. */
export function parseCursor(text: string | undefined, id = /^[a-z2-7]{26}$/): Row | undefined {
  if (text === undefined) return undefined
  const [, createdAt, found = ''] = /^(\d{1,15})\.(\w{1,110})$/.exec(text) ?? []
  if (!createdAt || !id.test(found)) throw invalid([{ pointer: '?cursor', message: 'must be taken from next' }])
  return { createdAt: Number(createdAt), id: found }
}

export const cursorOf = ({ createdAt, id }: Row) => `${createdAt}.${id}`

/**
 * The page that is shown of `rows`, which were read one further than `limit`, and the URL of the next one.
 *
 * @param query what the URL has to say besides the cursor.
 */
export function pageOf<Item>(
  c: Context<AppEnv>,
  rows: Item[],
  { limit, query, cursorOf }: { limit: number; query: Record<string, string>; cursorOf: (row: Item) => string },
): { page: Item[]; next: string | null } {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  if (!last) return { page: rows, next: null }
  const parameters = new URLSearchParams({ ...query, cursor: cursorOf(last) })
  return { page: rows.slice(0, limit), next: `${originOf(c)}${c.req.path}?${parameters}` }
}
