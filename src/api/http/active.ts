/** Requests that change something give upkeep something to do. */
import { createMiddleware } from 'hono/factory'
import { noteActivity } from '../../durable/agenda.ts'
import type { AppEnv } from './app-env.ts'

/** What a runner without stories asks for, again and again. */
const IDLE = new Set(['/runner/claim', '/runner/announce', '/runner/goodbye'])

export const markActive = createMiddleware<AppEnv>(async (c, next) => {
  const { method, path } = c.req
  const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
  if (!isRead && !IDLE.has(path)) c.executionCtx.waitUntil(noteActivity(c.env, c.var.tools.now()))
  await next()
})
