import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { DryRun } from '../../../contract/character.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { key, call, app, wrong, claim, held, report, bindings } = await testEdge({ MODELS: 'story-mini,story-large' })
const story = { frames: [{ prompt: 'one' }, { prompt: 'two' }], characters: [{ id: 'a', name: 'A', description: 'a' }] }
const dry = (body: unknown) => app<z.infer<typeof DryRun>>('POST', '/stories?dry_run=true', body)
async function written(): Promise<string> {
  const tables = ['stories', 'idempotency_keys', 'webhook_deliveries', 'queue_shares']
  const rows = await Promise.all(tables.map((table) => bindings.DB.prepare(`SELECT * FROM ${table}`).all()))
  return JSON.stringify(rows.map(({ results }) => results))
}

test('a dry run says what a create would, and writes nothing', async () => {
  const before = await written()
  const { status, body } = await dry({ ...story, webhook: 'http://app.example/' })
  const { warnings, ...rest } = DryRun.parse(body)
  assert.equal(status, 200)
  assert.deepEqual(rest, {
    dry_run: true,
    model: 'story-mini',
    characters: ['a'],
    frames: 2,
    mentions: [],
    estimated_seconds: null,
  })
  assert.match(warnings.join(), /plain http/)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'k' }
  await call('POST', '/stories?dry_run=true', { headers, body: JSON.stringify(story) })
  assert.equal(await written(), before)
})

test('what is wrong is pointed at as ever, and another word than true or false is wrong itself', async () => {
  for (const [body, pointer] of [
    [{ frames: [] }, '/frames'],
    [{ ...story, model: 'story-huge' }, '/model'],
    [{ ...story, characters: [{ character: 'a'.repeat(26) }] }, '/characters/0/character'],
  ] as const)
    assert.equal((await wrong('POST', '/stories?dry_run=true', body)).errors?.[0]?.pointer, pointer)
  assert.equal((await wrong('POST', '/stories?dry_run=perhaps', story)).errors?.[0]?.pointer, '?dry_run')
  assert.equal((await app('POST', '/stories?dry_run=false', story)).status, 202)
})

test('the estimate follows what the last stories of the model took', async () => {
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  for (const index of [0, 1]) await held(lease, 'PUT', `frames/${index}`, await plainPng(1))
  await report(lease, 2, 'story.completed')
  await bindings.DB.prepare('UPDATE stories SET started_at = completed_at - 8000 WHERE id = ?').bind(lease.id).run()
  const six = { frames: Array(6).fill({ prompt: 'x' }) }
  assert.deepEqual((await dry(six)).body.estimated_seconds, { p50: 24, p90: 24 })
  assert.equal((await dry({ ...six, model: 'story-large' })).body.estimated_seconds, null)
})
