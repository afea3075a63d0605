/** The edge: all routes, what surrounds each request, and what happens once a minute. */
import { requestId } from 'hono/request-id'
import { PROBLEMS, type ProblemName } from '../../contract/problem.ts'
import { openDb } from '../db/client.ts'
import type { ModelCache } from '../db/runners/list.ts'
import { readSettings, type Settings, systemTools, type Tools } from '../platform/env.ts'
import { base32 } from '../platform/ids.ts'
import { auditRoutes } from './admin/audit.ts'
import { adminStoryRoutes } from './admin/stories.ts'
import { characterRoutes } from './characters/characters.ts'
import { clientTokenRoutes } from './client-tokens/client-tokens.ts'
import { markActive } from './http/active.ts'
import { drainBody } from './http/body.ts'
import { answerOptions, cors, openToPages } from './http/cors.ts'
import { documentRoute } from './http/document-route.ts'
import { refuseUnknownQuery } from './http/known-query.ts'
import { onError, onNotFound } from './http/on-error.ts'
import { describeApi, documentOf } from './http/openapi.ts'
import { ProblemError } from './http/problems.ts'
import { RateLimiter } from './http/rate-limiter.ts'
import { observeRequests } from './http/request-log.ts'
import { newRoutes } from './http/routes.ts'
import { securityHeaders } from './http/security-headers.ts'
import { keyRoutes } from './keys/keys.ts'
import { keyMakingRoutes } from './keys/make.ts'
import { usageRoutes } from './keys/usage.ts'
import { imageRoutes } from './openai/images.ts'
import { demandRoutes } from './operations/demand.ts'
import { docsRoutes } from './operations/docs.ts'
import { modelRoutes } from './operations/models.ts'
import { operationsRoutes } from './operations/operations.ts'
import { embedRoutes } from './pages/embed.ts'
import { embedFileRoutes } from './pages/embed-files.ts'
import { oembedRoutes } from './pages/oembed.ts'
import { playgroundRoutes } from './pages/playground.ts'
import { catalogRoutes } from './replicate/catalog.ts'
import { fileRoutes } from './replicate/files.ts'
import { predictionRoutes } from './replicate/predictions.ts'
import { predictionStreamRoutes } from './replicate/stream.ts'
import { runnerAnnounceRoutes } from './runner/announce.ts'
import { runnerBankRoutes } from './runner/banks.ts'
import { runnerClaimRoutes } from './runner/claims.ts'
import { runnerCompletionRoutes } from './runner/completions.ts'
import { runnerConsistencyRoutes } from './runner/consistency.ts'
import { runnerEventRoutes } from './runner/events.ts'
import { runnerLeaseRoutes } from './runner/leases.ts'
import { runnerPageRoutes } from './runner/pages.ts'
import { runnerPictureRoutes } from './runner/pictures.ts'
import { bankRoutes } from './stories/banks.ts'
import { bookRoutes } from './stories/books.ts'
import { consistencyRoutes } from './stories/consistency.ts'
import { continueRoutes } from './stories/continue.ts'
import { eventRoutes } from './stories/events.ts'
import { pictureRoutes } from './stories/pictures.ts'
import { removalRoutes } from './stories/removal.ts'
import { requestRoutes } from './stories/request.ts'
import { resumeRoutes } from './stories/resume.ts'
import { storyRoutes } from './stories/stories.ts'
import { webhookRoutes } from './webhooks/webhooks.ts'

export function createApp(tools: Tools = systemTools) {
  const app = newRoutes()
  // The same for every request of an isolate, so they are read once.
  let settings: Settings | undefined
  const limiter = new RateLimiter()
  const models: ModelCache = {}
  app.use(requestId({ generator: () => `req_${base32(tools.randomBytes(10))}` }))
  app.use(observeRequests)
  app.use(securityHeaders)
  app.use(cors)
  app.use(drainBody)
  app.use(async (c, next) => {
    c.set('db', openDb(c.env.DB))
    c.set('settings', (settings ??= readSettings(c.env)))
    c.set('tools', tools)
    c.set('limiter', limiter)
    c.set('models', models)
    await next()
  })
  app.use(markActive)
  app.use(refuseUnknownQuery(app))
  app.onError(onError)
  app.notFound(onNotFound)
  describeApi(app)
  app.get('/problems/:name', openToPages, (c) => {
    const name = c.req.param('name')
    if (!Object.hasOwn(PROBLEMS, name)) throw new ProblemError('not-found', `no such problem: ${name}`)
    const [status, title, meaning] = PROBLEMS[name as ProblemName]
    return c.text(`${title} (${status})\n\n${meaning}\n`)
  })
  for (const [path, audience] of [
    ['/openapi.json', 'apps'],
    ['/openapi-runner.json', 'runners'],
  ] as const)
    app.get(
      path,
      openToPages,
      documentRoute((origin) => documentOf(app, origin, audience)),
    )
  const routes = app
    .route('/', operationsRoutes)
    .route('/', demandRoutes)
    .route('/', docsRoutes)
    .route('/', playgroundRoutes)
    .route('/', embedRoutes)
    .route('/', embedFileRoutes)
    .route('/', oembedRoutes)
    .route('/', modelRoutes)
    .route('/', storyRoutes)
    .route('/', requestRoutes)
    .route('/', removalRoutes)
    .route('/', characterRoutes)
    .route('/', resumeRoutes)
    .route('/', continueRoutes)
    .route('/', bankRoutes)
    .route('/', pictureRoutes)
    .route('/', bookRoutes)
    .route('/', consistencyRoutes)
    .route('/', eventRoutes)
    .route('/', webhookRoutes)
    .route('/', keyRoutes)
    .route('/', keyMakingRoutes)
    .route('/', clientTokenRoutes)
    .route('/', usageRoutes)
    .route('/', adminStoryRoutes)
    .route('/', auditRoutes)
    .route('/', predictionRoutes)
    .route('/', predictionStreamRoutes)
    .route('/', fileRoutes)
    .route('/', catalogRoutes)
    .route('/', imageRoutes)
    .route('/', runnerAnnounceRoutes)
    .route('/', runnerClaimRoutes)
    .route('/', runnerLeaseRoutes)
    .route('/', runnerPictureRoutes)
    .route('/', runnerPageRoutes)
    .route('/', runnerBankRoutes)
    .route('/', runnerConsistencyRoutes)
    .route('/', runnerEventRoutes)
    .route('/', runnerCompletionRoutes)
  answerOtherMethods(app)
  return routes
}

/** Known paths answer OPTIONS, and 405 to what they do not serve; to be called after all routes. */
function answerOtherMethods(app: ReturnType<typeof newRoutes>): void {
  const served = app.routes.filter((route) => route.method !== 'ALL')
  for (const [path, routes] of Map.groupBy(served, (route) => route.path)) {
    const methods = new Set(routes.map((route) => route.method))
    const allow = [...methods, ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
    app.all(path, (c) => {
      if (c.req.method === 'OPTIONS') return answerOptions(c, allow)
      throw new ProblemError('method-not-allowed', `${c.req.method} ${c.req.path}; allowed: ${allow}`, undefined, {
        allow,
      })
    })
  }
}
