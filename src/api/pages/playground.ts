/** `/`: the playground, a page of static files, under a policy that lets it load nothing from elsewhere. */
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { AppEnv } from '../http/app-env.ts'
import { sendAsset } from '../http/assets.ts'
import { limitBody } from '../http/body.ts'
import { wrongCredential } from '../http/guesses.ts'
import { invalid, ProblemError } from '../http/problems.ts'

/** Pictures that are dropped on the page are shown from `blob:` and `data:` links. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

const FILES = new Map([
  ['playground.css', 'text/css; charset=utf-8'],
  ['playground.js', 'text/javascript; charset=utf-8'],
  ['alice-latin-400-normal.woff2', 'font/woff2'],
  ['icon.svg', 'image/svg+xml'],
])

const SignIn = z.strictObject({ token: z.string().max(200) })
const SIGN_IN_BYTES = 1024

export const playgroundRoutes = new Hono<AppEnv>()
  .get('/', (c) => sendAsset(c, 'playground.html', 'text/html; charset=utf-8', HEADERS))
  .get('/playground/:file', (c) => {
    const file = c.req.param('file')
    const type = FILES.get(file)
    if (!type) throw new ProblemError('not-found', `no such path: ${c.req.path}`)
    return sendAsset(c, file, type, HEADERS)
  })
  .post('/sign-in', limitBody(SIGN_IN_BYTES), async (c) => c.json({ key: await exchange(c) }, 200))

/**
 * The API key for the token of a sign-in link, which opens once. The process that prints such links knows them, so they
 * work on a machine of one's own only.
 */
async function exchange(c: Context<AppEnv>): Promise<string> {
  const { SIGN_IN } = c.env
  if (!SIGN_IN) throw new ProblemError('not-found', 'this edge gives out no sign-in links: use an API key')
  const body = SignIn.safeParse(await c.req.json().catch(() => undefined))
  if (!body.success) throw invalid([{ pointer: '/token', message: 'required: the token of a sign-in link' }])
  const answer = await SIGN_IN.fetch('https://sign-in/', { method: 'POST', body: body.data.token })
  if (!answer.ok)
    throw wrongCredential(c, 'this sign-in link was used before, or is of an earlier start: paste an API key instead')
  return answer.text()
}
