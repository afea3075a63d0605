/** What embed pages load, and `/element.js`: `<fable-story>` for pages of other sites. */
import { Hono } from 'hono'
import type { AppEnv } from '../http/app-env.ts'
import { sendAsset } from '../http/assets.ts'
import { openToPages } from '../http/cors.ts'
import { ProblemError } from '../http/problems.ts'

const SCRIPT = 'text/javascript; charset=utf-8'
const FILES = new Map([
  ['embed.css', 'text/css; charset=utf-8'],
  ['embed.js', SCRIPT],
])

export const embedFileRoutes = new Hono<AppEnv>()
  .get('/element.js', openToPages, (c) => sendAsset(c, 'element.js', SCRIPT, {}))
  .get('/embed/:file', (c) => {
    const file = c.req.param('file')
    const type = FILES.get(file)
    if (!type) throw new ProblemError('not-found', `no such path: ${c.req.path}`)
    return sendAsset(c, file, type, {})
  })
