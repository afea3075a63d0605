import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { StoryRequest } from '../../../contract/story.ts'
import { createApp } from '../app.ts'
import { documentOf } from './openapi.ts'
import { exampleOf } from './openapi-example.ts'

interface Operation {
  operationId: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  requestBody?: { content: Record<string, { example?: unknown }> }
  responses: Record<string, { content?: Record<string, { example?: unknown }> }>
}
interface Document {
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  webhooks: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

const app = createApp()
const text = JSON.stringify(documentOf(app, 'https://edge.example'))
const document: Document = JSON.parse(text)
const runners: Document = JSON.parse(JSON.stringify(documentOf(app, 'https://edge.example', 'runners')))
const operations = [document.paths, document.webhooks].flatMap((items) =>
  Object.values(items).flatMap(Object.values<Operation>),
)

test('the documents are OpenAPI 3.1', async () => {
  for (const one of [JSON.parse(text), runners]) {
    const { valid, errors } = await new Validator().validate(one)
    assert.ok(valid, JSON.stringify(errors))
  }
})

test('apps see no routes of runners, and the API key first; runners see theirs alone', () => {
  assert.ok(!Object.keys(document.paths).some((path) => path.startsWith('/runner/')))
  assert.equal(Object.keys(document.components.securitySchemes)[0], 'apiKey')
  assert.ok(Object.keys(runners.paths).length > 10)
  assert.ok(Object.keys(runners.paths).every((path) => path.startsWith('/runner/')))
  assert.deepEqual(Object.keys(runners.components.securitySchemes), ['runnerToken'])
})

test('generators of clients find nothing that they stumble over', () => {
  assert.doesNotMatch(text, /"[45]XX"/)
  assert.doesNotMatch(JSON.stringify(document.components), /"default":/)
  const create = document.paths['/stories']?.post
  assert.ok(create && !('200' in create.responses), 'one answer')
  assert.ok(document.paths['/stories/dry-run']?.post)
  const { properties } = document.components.schemas.StoryRequest as { properties: Record<string, object> }
  const { minItems, maxItems } = Object.assign({ minItems: 0, maxItems: 0 }, properties.guidance_interval)
  assert.deepEqual([minItems, maxItems], [2, 2])
})

test('an example of a problem has the status that it stands under', () => {
  for (const { operationId, responses } of operations)
    for (const [status, { content }] of Object.entries(responses)) {
      const example = content?.['application/problem+json']?.example as { status: number } | undefined
      if (!example || status === 'default') continue
      assert.equal(example.status, Number(status), operationId)
    }
})

test('each operation has a name of its own, a described tag, known security, and examples for all JSON', () => {
  assert.ok(operations.length > 30, `${operations.length} operations`)
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length)
  const tags = document.tags.map(({ name }) => name)
  const schemes = Object.keys(document.components.securitySchemes)
  for (const { operationId, tags: own, security, description, requestBody, responses } of operations) {
    assert.ok(own.length > 0 && own.every((tag) => tags.includes(tag)), operationId)
    assert.ok(
      security.flatMap(Object.keys).every((name) => schemes.includes(name)),
      operationId,
    )
    assert.ok(description.length > 10, operationId)
    for (const { content } of [requestBody ?? {}, ...Object.values(responses)])
      for (const [type, media] of Object.entries(content ?? {}))
        if (/json/.test(type)) assert.notEqual(media.example, undefined, operationId)
  }
})

test('what crosses the wire has its name, and our webhooks are among it', () => {
  const names = Object.keys(document.components.schemas)
  for (const name of ['Story', 'StoryRequest', 'Prediction', 'Problem', 'StoryWebhook'])
    assert.ok(names.includes(name), name)
  assert.deepEqual(Object.keys(document.webhooks), ['story', 'prediction'])
  const example = document.paths['/stories']?.post?.requestBody?.content['application/json']?.example
  assert.equal(StoryRequest.parse(example).frames.length, 2)
})

test('examples follow the schema', () => {
  const components = { Name: { type: 'string', example: 'Fern' } }
  const schema = {
    type: 'object',
    required: ['name', 'at', 'since', 'sizes', 'kind', 'count'],
    properties: {
      name: { $ref: '#/components/schemas/Name' },
      at: { type: ['string', 'null'] },
      since: { type: 'string', format: 'date-time' },
      sizes: { type: 'array', items: { type: 'integer', minimum: 8 } },
      kind: { anyOf: [{ const: 'a' }, { type: 'string' }] },
      count: { type: 'number', exclusiveMinimum: 0 },
      left: { type: 'string' },
    },
  }
  const since = '2026-11-23T17:00:00.123Z'
  assert.deepEqual(exampleOf(schema, components), { name: 'Fern', at: null, since, sizes: [8], kind: 'a', count: 1 })
})
