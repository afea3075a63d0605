/** Each request, as a line of JSON and in the metrics. */
import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import { count, flushSometimes, observe } from '../../durable/meter.ts'
import type { AppEnv } from './app-env.ts'

/** The id in `x-request-id`, in problems and in the log is one and the same. */
export const observeRequests = createMiddleware<AppEnv>(async (c, next) => {
  const started = Date.now()
  await next()
  const ms = Date.now() - started
  const { method, path } = c.req
  const { status } = c.res
  // The pattern, not the path: ids would make a series of each story.
  const route = routePath(c, -1)
  count('http_requests', { method, route, status })
  observe('http_request_duration', { method, route }, ms / 1000)
  c.executionCtx.waitUntil(flushSometimes(c.env, Date.now()))
  if (c.env.LOG_REQUESTS !== '1') return
  const traceparent = c.req.header('traceparent')
  const about = { level: 'info', event: 'request', request_id: c.var.requestId, method, path, route, status, ms }
  const key = c.var.apiKey && { key: c.var.apiKey.id, key_name: c.var.apiKey.name }
  console.log(JSON.stringify({ ...about, ...key, ...(traceparent && { traceparent }) }))
})
