/** `/v1/models`, `/v1/hardware`, `/v1/account` and the webhook secret: what Replicate's clients ask about us. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { PredictionInput } from '../../../contract/prediction.ts'
import {
  Account,
  EmptyList,
  HardwareList,
  Model,
  ModelList,
  ModelVersion,
  ModelVersionList,
} from '../../../contract/replicate.ts'
import { type ModelRef, refOf } from '../../views/model-ref.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { originOf } from '../http/origin.ts'
import { ProblemError } from '../http/problems.ts'
import { documented, json, newRoutes, problems } from '../http/routes.ts'
import { type ServedModel, servedModels } from '../http/served-models.ts'
import { requireModel } from './predictions.ts'

/** When this wire came into being; models have no date that the edge knows of. */
const SINCE = '2026-11-25T00:00:00.000000Z'

const tags = ['Replicate']
const security = [{ apiKey: [] }]
const ModelParams = z.object({ owner: z.string(), name: z.string() })

const listModels = createRoute({
  method: 'get',
  path: '/v1/models',
  summary: 'List models',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(ModelList, 'All of them'), ...problems('unauthorized') },
})

const searchModels = createRoute({
  // OpenAPI 3.1 has no place for the method QUERY.
  hide: true,
  method: 'query',
  path: '/v1/models',
  summary: 'Search models',
  description: 'The body is the text to look for in owner, name and description; bare or as a JSON string.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  responses: { 200: json(ModelList, 'Those that match'), ...problems('unauthorized', 'too-large') },
})

const readModel = createRoute({
  method: 'get',
  path: '/v1/models/{owner}/{name}',
  summary: 'Read a model',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params: ModelParams },
  responses: { 200: json(Model, 'The model'), ...problems('unauthorized', 'not-found') },
})

const listVersions = createRoute({
  method: 'get',
  path: '/v1/models/{owner}/{name}/versions',
  summary: 'List the versions of a model',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params: ModelParams },
  responses: { 200: json(ModelVersionList, 'The one there is'), ...problems('unauthorized', 'not-found') },
})

const readVersion = createRoute({
  method: 'get',
  path: '/v1/models/{owner}/{name}/versions/{version}',
  summary: 'Read a version, with the schema of its input and output',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params: ModelParams.extend({ version: z.string() }) },
  responses: { 200: json(ModelVersion, 'The version'), ...problems('unauthorized', 'not-found') },
})

const hardware = createRoute({
  method: 'get',
  path: '/v1/hardware',
  summary: 'List hardware',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(HardwareList, 'What the runners have; not for choice'), ...problems('unauthorized') },
})

const account = createRoute({
  method: 'get',
  path: '/v1/account',
  summary: 'Who is asking',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(Account, 'The API key, as an account'), ...problems('unauthorized') },
})

/** What there is none of here, for clients that list it. */
const emptyList = <Path extends string>(path: Path, what: string) =>
  createRoute({
    method: 'get',
    path,
    summary: `List ${what}`,
    description: 'Always empty.',
    tags,
    security,
    middleware: [requireApiKey] as const,
    responses: { 200: json(EmptyList, 'None'), ...problems('unauthorized') },
  })
const trainings = emptyList('/v1/trainings', 'trainings')
const deployments = emptyList('/v1/deployments', 'deployments')
const collections = emptyList('/v1/collections', 'collections')

const webhookSecret = createRoute({
  method: 'get',
  path: '/v1/webhooks/default/secret',
  summary: 'What signs the webhooks of this API key',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(z.object({ key: z.string() }), 'As GET /webhooks/secret'), ...problems('unauthorized') },
})

export const catalogRoutes = newRoutes()
  .openapi(listModels, async (c) => c.json(pageOf(await modelsOf(c)), 200))
  .openapi(searchModels, async (c) => {
    const words = unquoted(await c.req.text())
      .toLowerCase()
      .split(/\s+/)
    const matches = ({ owner, name, description }: Model) => {
      const text = `${owner}/${name} ${description}`.toLowerCase()
      return words.every((word) => text.includes(word))
    }
    return c.json(pageOf((await modelsOf(c)).filter(matches)), 200)
  })
  .openapi(readModel, async (c) => {
    const { owner, name } = c.req.valid('param')
    const { model } = await requireModel(c, owner, name)
    const served = (await servedModels(c)).find((one) => one.name === model)!
    return c.json(modelOf(served, originOf(c)), 200)
  })
  .openapi(listVersions, async (c) => {
    const { owner, name } = c.req.valid('param')
    return c.json(pageOf([versionOf(await requireModel(c, owner, name), originOf(c))]), 200)
  })
  .openapi(readVersion, async (c) => {
    const { owner, name, version } = c.req.valid('param')
    const ref = await requireModel(c, owner, name)
    if (version !== ref.version)
      throw new ProblemError('not-found', `no version ${version} of ${owner}/${name}; there is ${ref.version}`)
    return c.json(versionOf(ref, originOf(c)), 200)
  })
  .openapi(hardware, (c) => c.json([{ name: 'Whatever the runners have', sku: 'runner' }], 200))
  .openapi(account, (c) => {
    const { id, name } = c.var.apiKey
    return c.json({ type: 'organization' as const, username: id, name, github_url: null, avatar_url: null }, 200)
  })
  .openapi(trainings, (c) => c.json(pageOf([]), 200))
  .openapi(deployments, (c) => c.json(pageOf([]), 200))
  .openapi(collections, (c) => c.json(pageOf([]), 200))
  .openapi(webhookSecret, (c) => c.json({ key: c.var.apiKey.webhookSecret }, 200))

const modelsOf = async (c: Context<AppEnv>) => (await servedModels(c)).map((model) => modelOf(model, originOf(c)))

function modelOf({ name, announced }: ServedModel, origin: string): Model {
  const ref = refOf(name)
  const seen = announced ? ` Last seen at a runner: ${new Date(announced.lastSeenAt).toISOString()}.` : ''
  return {
    url: `${origin}/v1/models/${ref.owner}/${ref.name}`,
    owner: ref.owner,
    name: ref.name,
    description: `Generates the pictures of a story, with the same characters in each.${seen}`,
    visibility: 'private',
    is_official: true,
    github_url: null,
    paper_url: null,
    license_url: null,
    run_count: 0,
    cover_image_url: null,
    default_example: null,
    latest_version: versionOf(ref, origin),
  }
}

function versionOf({ version, owner, name }: ModelRef, origin: string): ModelVersion {
  return { id: version, created_at: SINCE, cog_version: null, openapi_schema: schemaOf(`${owner}/${name}`, origin) }
}

/** As Cog documents a model: the components Input and Output say what a prediction takes and gives. */
function schemaOf(title: string, origin: string) {
  return {
    openapi: '3.1.0',
    info: { title, version: '1' },
    servers: [{ url: `${origin}/v1` }],
    paths: {},
    components: {
      schemas: {
        Input: documented(PredictionInput),
        Output: { type: 'array', items: { type: 'string', format: 'uri' } },
      },
    },
  }
}

function pageOf<Item>(results: Item[]) {
  return { previous: null, next: null, results }
}

/** replicate-javascript sends the text as a JSON string, though declared as plain. */
function unquoted(text: string): string {
  return /^"(.*)"$/s.exec(text.trim())?.[1] ?? text.trim()
}
