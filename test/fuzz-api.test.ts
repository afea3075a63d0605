import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp } from '../src/api/app.ts'
import { documentOf } from '../src/api/http/openapi.ts'
import { fuzz, judge, NOT_FUZZED } from './fuzz-api.ts'

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const

test('spoilt requests on every route are answered, refused by the book, and tell nothing of other keys', async () => {
  const { counts, violations } = await fuzz({ requests: 300, seed: 2 })
  assert.deepEqual(violations, [])
  const documented = (['apps', 'runners'] as const)
    .flatMap((audience) => Object.entries(documentOf(createApp(), 'https://edge.example', audience).paths ?? {}))
    .filter(([path]) => !NOT_FUZZED.includes(path))
  const routes = documented.flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual([...counts.keys()].sort(), routes.sort(), 'each route of the document is tried')
  const statuses = new Set([...counts.values()].flatMap((byStatus) => [...byStatus.keys()]))
  for (const status of [200, 401, 403, 404, 422]) assert.ok(statuses.has(status), `no ${status} among the answers`)
  // Which of the creating routes lets one through depends on their number.
  assert.ok(statuses.has(201) || statuses.has(202), 'nothing was accepted')
})

test('the judge sees what it is there for', () => {
  const problem = { type: '/problems/x', title: 'X', status: 404, detail: 'x', request_id: 'req_x' }
  const type = 'application/problem+json'
  assert.equal(judge(404, type, JSON.stringify(problem), 'GET'), undefined)
  assert.equal(judge(404, '', '', 'HEAD'), undefined)
  assert.match(judge(500, type, JSON.stringify({ ...problem, status: 500 }), 'GET') ?? '', /is 500/)
  assert.match(judge(404, 'text/html', '<h1>', 'GET') ?? '', /no problem document/)
  assert.match(judge(404, type, '{}', 'GET') ?? '', /is not one/)
  assert.match(judge(422, type, JSON.stringify(problem), 'GET') ?? '', /says 404/)
  assert.match(judge(200, 'application/json', '{"title":"belongs-to-somebody-else"}', 'GET') ?? '', /another key/)
})
