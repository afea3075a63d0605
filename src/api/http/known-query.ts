/** Query parameters that a route does not have: refused, as unknown fields of a body are, since they were meant to do something. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { z } from 'zod'
import { isSigned } from '../../platform/signed-url.ts'
import type { AppEnv } from './app-env.ts'
import { invalid } from './problems.ts'

/** Foreign clients send more than we know, and so do runners of another version. */
const LENIENT = /^\/(v1|runner)\//

/**
 * @param app whose routes are known once it is asked something. Routes with a query of any names look after it themselves.
 */
export function refuseUnknownQuery(app: OpenAPIHono<AppEnv>) {
  let known: Map<string, ReadonlySet<string>> | undefined
  return createMiddleware<AppEnv>(async (c, next) => {
    const { search, searchParams } = new URL(c.req.url)
    // Who passes a link on may add to it.
    if (search !== '' && !isSigned(c.req.url) && !LENIENT.test(c.req.path)) {
      known ??= queriesOf(app)
      const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
      const names = route && known.get(`${route.method} ${route.path}`)
      const unknown = names ? [...new Set(searchParams.keys())].filter((name) => !names.has(name)) : []
      const message = `unknown parameter; ${[...(names ?? [])].join(', ') || 'none'} ${names?.size === 1 ? 'is' : 'are'} known`
      if (unknown.length > 0) throw invalid(unknown.map((name) => ({ pointer: `?${name}`, message })))
    }
    await next()
  })
}

/** The names by method and path; without the routes that take any. */
function queriesOf(app: OpenAPIHono<AppEnv>): Map<string, ReadonlySet<string>> {
  const routes = app.openAPIRegistry.definitions.flatMap((one) => (one.type === 'route' ? [one.route] : []))
  return new Map(
    routes.flatMap(({ method, path, request }) => {
      const query = request?.query
      if (query && (!(query instanceof z.ZodObject) || query.def.catchall instanceof z.ZodUnknown)) return []
      const names = new Set(query ? Object.keys(query.shape) : [])
      return [[`${method.toUpperCase()} ${path.replace(/{(\w+)}/g, ':$1')}`, names] as const]
    }),
  )
}
