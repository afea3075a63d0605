/**
 * `/docs`: the reference of the API, rendered by Swagger UI from `/openapi.json`. Everything it loads comes from here, and
 * its Content-Security-Policy lets it load nothing else.
 */
import { Hono } from 'hono'
import type { AppEnv } from '../http/app-env.ts'
import { sendAsset } from '../http/assets.ts'
import { ProblemError } from '../http/problems.ts'

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Fableframe API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="reference"></main>
<noscript>The document itself is <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

/** A file of its own, because the policy allows no script inside the page. */
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: true,
  validatorUrl: 'none',
})
`

/** The files of swagger-ui-dist that the page uses, of the many that the package has. */
const FILES = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
])

/** Swagger UI has its icons in `data:` links, and sends requests to this edge for who tries the operations out. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}
export const docsRoutes = new Hono<AppEnv>()
  .get('/docs', (c) => c.html(PAGE, 200, HEADERS))
  .get('/docs/start.js', (c) =>
    c.body(START, 200, { ...HEADERS, 'cache-control': 'no-cache', 'content-type': 'text/javascript; charset=utf-8' }),
  )
  .get('/docs/:file', (c) => {
    const file = c.req.param('file')
    const type = FILES.get(file)
    if (!type) throw new ProblemError('not-found', `no such path: ${c.req.path}`)
    return sendAsset(c, file, type, HEADERS)
  })
