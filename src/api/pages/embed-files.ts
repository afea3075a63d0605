/** What embed pages load. */
import { Hono } from 'hono'
import type { AppEnv } from '../http/app-env.ts'
import { sendAsset } from '../http/assets.ts'
import { ProblemError } from '../http/problems.ts'

const FILES = new Map([
  ['embed.css', 'text/css; charset=utf-8'],
  ['embed.js', 'text/javascript; charset=utf-8'],
])

export const embedFileRoutes = new Hono<AppEnv>().get('/embed/:file', (c) => {
  const file = c.req.param('file')
  const type = FILES.get(file)
  if (!type) throw new ProblemError('not-found', `no such path: ${c.req.path}`)
  return sendAsset(c, file, type, {})
})
