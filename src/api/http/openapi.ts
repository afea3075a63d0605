/**
 * `/openapi.json` for apps and `/openapi-runner.json` for runners: OpenAPI 3.1, from the schemas that the routes validate by.
 * Operation ids, examples and the webhooks that the edge sends are added here, and what generators of clients stumble over is
 * put in a way that they understand.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Prediction } from '../../../contract/prediction.ts'
import { StoryWebhook } from '../../../contract/story-view.ts'
import type { AppEnv } from './app-env.ts'
import { exampleOf, type Schema } from './openapi-example.ts'
import { exampleOfProblem } from './routes.ts'

const TAGS: Record<string, string> = {
  Stories: 'Post stories, follow them, fetch their pictures.',
  Characters: 'Characters with their pictures, kept so that stories can name them.',
  Webhooks: 'What is sent to your server, its log and its secrets. Signed per Standard Webhooks.',
  Replicate: "The same stories through Replicate's API: its clients work with only the base URL changed.",
  OpenAI: "Pictures through OpenAI's API: its clients work with only the base URL changed.",
  Keys: 'API keys, their scopes and limits, and what they have used.',
  Runner: 'For runners only: claiming stories and reporting on them.',
  Embedding: 'Stories inside other pages, and behind links that unfold.',
  Operations: 'Health and metrics.',
}

const SECURITY = {
  apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, as `Authorization: Bearer ff_live_…`' },
  clientToken: { type: 'http', scheme: 'bearer', description: 'A token of `POST /client-tokens`: `ff_client_…`' },
  signedLink: { type: 'apiKey', in: 'query', name: 'sig', description: 'A link from an answer, used as it was given' },
  metricsToken: { type: 'http', scheme: 'bearer', description: 'The setting METRICS_TOKEN' },
  runnerToken: { type: 'http', scheme: 'bearer', description: 'The token of the runners' },
} as const

/** To be called once, before the document is asked for. */
export function describeApi(app: OpenAPIHono<AppEnv>): void {
  for (const [name, scheme] of Object.entries(SECURITY))
    app.openAPIRegistry.registerComponent('securitySchemes', name, { ...scheme })
  announceWebhook(app, 'story', 'A story has changed', StoryWebhook, 'For stories posted to `/stories`.')
  announceWebhook(app, 'prediction', 'A prediction has changed', Prediction, 'For predictions, as Replicate sends it.')
}

function announceWebhook(
  app: OpenAPIHono<AppEnv>,
  path: string,
  summary: string,
  schema: typeof StoryWebhook | typeof Prediction,
  description: string,
): void {
  const header = (name: string, description: string) => ({
    name,
    in: 'header' as const,
    required: true,
    description,
    schema: { type: 'string' as const },
  })
  app.openAPIRegistry.registerWebhook({
    method: 'post',
    path,
    summary,
    description: `${description} Sent again for three days until it is answered with 2xx.`,
    tags: ['Webhooks'],
    security: [],
    parameters: [
      header('webhook-id', 'The same at each try of a message'),
      header('webhook-timestamp', 'Unix seconds of this try'),
      header('webhook-signature', '`v1,` and HMAC-SHA256 in base64 over id, timestamp and body, joined by `.`'),
    ],
    request: { body: { required: true, content: { 'application/json': { schema } } } },
    responses: { 200: { description: 'Any 2xx: received' }, 410: { description: 'Send no more to this URL' } },
  })
}

interface Operation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: Record<string, string[]>[]
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; example?: unknown }[]
  requestBody?: { content?: Content }
  responses: Record<string, { description?: string; content?: Content }>
}
type Content = Record<string, { schema?: Schema; example?: unknown }>
interface Document {
  paths?: Record<string, Record<string, Operation>>
  webhooks?: Record<string, Record<string, Operation>>
  components?: { schemas?: Record<string, Schema>; securitySchemes?: Record<string, object> }
}

/** For whom a document is: each has the operations that these call. */
export type Audience = 'apps' | 'runners'

export function documentOf(app: OpenAPIHono<AppEnv>, origin: string, audience: Audience = 'apps') {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Fableframe',
      version: '1',
      description: 'Stories in, pictures with the same characters out. Errors are problem documents (RFC 9457).',
      contact: { name: 'Fableframe', url: `${origin}/docs` },
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: origin }],
  })
  // A copy that may be written to, typed as far as that needs.
  const open: Document = JSON.parse(JSON.stringify(document))
  const isForRunners = (path: string) => path.startsWith('/runner/')
  open.paths = only(open.paths, (path) => isForRunners(path) === (audience === 'runners'))
  if (audience === 'runners') open.webhooks = {}
  hideDryRun(open.paths)
  const components = open.components?.schemas ?? {}
  const used = new Set<string>()
  for (const [where, items] of [
    ['paths', open.paths],
    ['webhooks', open.webhooks],
  ] as const) {
    for (const [path, item] of Object.entries(items ?? {}))
      for (const [method, operation] of Object.entries(item)) {
        const name = where === 'webhooks' ? `webhook ${path}` : path
        if (where === 'paths') Object.assign(operation.responses, otherProblems())
        complete(operation, `${method} ${name}`, components)
        for (const tag of operation.tags ?? []) used.add(tag)
      }
  }
  for (const part of [open.paths, open.webhooks, open.components?.schemas]) tidy(part)
  keepUsed(open)
  const tags = [...used].map((name) => ({ name, description: TAGS[name] ?? name }))
  return { ...open, tags }
}

const only = <Value>(items: Record<string, Value> | undefined, wanted: (name: string) => boolean) =>
  Object.fromEntries(Object.entries(items ?? {}).filter(([name]) => wanted(name)))

/** `?dry_run=true` still works. But an operation with two answers has a client with neither, so that it has a path of its own. */
function hideDryRun(paths: Document['paths']): void {
  const create = paths?.['/stories']?.post
  if (!create) return
  create.parameters = (create.parameters ?? []).filter(({ name }) => name !== 'dry_run')
  delete create.responses[200]
}

/** Components that nothing refers to any more go, security schemes among them. */
function keepUsed(document: Document): void {
  const { components } = document
  if (!components?.schemas) return
  const used = new Set<string>()
  const follow = (node: unknown): void => {
    for (const [, name = ''] of JSON.stringify(node ?? {}).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      follow(components.schemas?.[name])
    }
  }
  follow([document.paths, document.webhooks])
  components.schemas = only(components.schemas, (name) => used.has(name))
  const operations = [document.paths, document.webhooks].flatMap((items) =>
    Object.values(items ?? {}).flatMap(Object.values),
  )
  const schemes = new Set(operations.flatMap(({ security = [] }: Operation) => security.flatMap(Object.keys)))
  components.securitySchemes = only(components.securitySchemes, (name) => schemes.has(name))
}

/** What any operation may answer besides its own responses; `default`, since not every generator knows `4XX`. */
function otherProblems(): Operation['responses'] {
  return {
    default: {
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          example: exampleOfProblem('internal'),
        },
      },
      description:
        'Any other problem; for an error on our side, `detail` says whether it is safe to send the request again',
    },
  }
}

function complete(operation: Operation, name: string, components: Record<string, Schema>): void {
  operation.operationId ??= camelCase(name)
  operation.description ??= `${operation.summary}.`
  operation.security ??= []
  for (const parameter of operation.parameters ?? []) {
    // By its schema, a coerced number may be left out; a part of the path may not.
    if (parameter.in === 'path') parameter.required = true
  }
  for (const { content } of [operation.requestBody ?? {}, ...Object.values(operation.responses)]) {
    for (const [type, media] of Object.entries(content ?? {})) {
      if (!/json$/.test(type) || !media.schema || media.example !== undefined) continue
      media.example = exampleOf(media.schema, components)
    }
  }
}

/** `get /v1/files/{id}` is `getV1FilesId`. */
function camelCase(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('')
}

/**
 * Tuples are as long as they are: linters require `items` beside `prefixItems`, and generators go by `maxItems`. Defaults are
 * told in words: of a field with a default, generators make one that has to be there.
 */
function tidy(node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  if ('prefixItems' in node && Array.isArray(node.prefixItems)) {
    const { length } = node.prefixItems
    Object.assign(node, { items: node.prefixItems[0], minItems: length, maxItems: length })
  }
  if ('properties' in node && typeof node.properties === 'object')
    for (const property of Object.values(node.properties ?? {})) tellDefault(property)
  for (const child of Object.values(node)) tidy(child)
}

function tellDefault(property: Schema): void {
  if (!('default' in property)) return
  const { default: usual, ...rest } = property
  delete property.default
  const isTold = usual === null || (typeof usual === 'object' && Object.keys(usual ?? {}).length === 0)
  if (!isTold)
    property.description = [rest.description, `Default: ${JSON.stringify(usual)}.`].filter(Boolean).join('. ')
}
