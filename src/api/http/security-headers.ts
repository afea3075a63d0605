/** Headers of every answer that keep browsers and caches from doing more with it than was meant. */
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from './app-env.ts'

/** Paths whose answers hold keys or secrets. */
const SECRET = /^\/(keys|admin|sign-in|webhooks\/secret|v1\/webhooks)(\/|$)/

export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  c.header('x-content-type-options', 'nosniff')
  if (SECRET.test(c.req.path)) c.header('cache-control', 'no-store')
})
