/** What operators can do about a key, a tenant and their stories; and that it is all in the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import type { AdminStory, AuditList, Erased } from '../../../contract/admin.ts'
import type { Key, NewKey, Stopped } from '../../../contract/key.ts'
import type { Problem } from '../../../contract/problem.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { key: admin, app, call, claim, held, report, wrong } = await testEdge()
const story = { frames: [{ prompt: 'one' }] }
type New = z.infer<typeof NewKey>
type List = { results: AdminStory[]; next: string | null }

const make = async (wanted: object = {}) => (await app<New>('POST', '/keys', { name: 'app', ...wanted }, admin)).body
const post = async (key: string) => (await app('POST', '/stories', story, key)).body
const statusOf = async (key: string, id: string) => (await app('GET', `/stories/${id}`, undefined, key)).body.status
const operate = <Body>(method: string, path: string, body?: unknown) => app<Body>(method, path, body, admin)
/** The lease of this very story, whatever other tests have left in the queue. */
async function leaseOf(id: string) {
  for (;;) {
    const lease = (await claim())!
    if (lease.id === id) return lease
  }
}
const auditOf = async (target: string) =>
  (await operate<z.infer<typeof AuditList>>('GET', `/admin/audit?target=${target}`)).body.results

test('an operator lists, reads, cancels and deletes stories of any key', async () => {
  const one = await make({ tenant: 'shop' })
  const two = await make({ tenant: 'shop' })
  const other = await make()
  const ids = [await post(one.key), await post(two.key), await post(other.key)].map(({ id }) => id)
  const listed = async (query: string) =>
    (await operate<List>('GET', `/admin/stories?${query}`)).body.results.map(({ id }) => id)
  assert.deepEqual(await listed('tenant=shop'), [ids[1], ids[0]])
  assert.deepEqual(await listed(`key=${other.id}&status=queued`), [ids[2]])
  assert.deepEqual(await listed(`key=${other.id}&status=failed`), [])
  const page = (await operate<List>('GET', '/admin/stories?tenant=shop&limit=1')).body
  assert.deepEqual((await operate<List>('GET', page.next!)).body.results[0]?.id, ids[0])
  const read = (await operate<AdminStory>('GET', `/admin/stories/${ids[0]}`)).body
  assert.deepEqual([read.id, read.api_key, read.status], [ids[0], one.id, 'queued'])
  assert.equal((await operate<AdminStory>('POST', `/admin/stories/${ids[0]}/cancel`)).body.status, 'canceled')
  assert.equal((await operate('DELETE', `/admin/stories/${ids[1]}`)).status, 204)
  assert.equal((await app('GET', `/stories/${ids[1]}`, undefined, two.key)).body.data_removed, true)
  const none = 'a'.repeat(26)
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/cancel'],
    ['DELETE', ''],
  ] as const)
    assert.equal((await operate(method, `/admin/stories/${none}${path}`)).status, 404)
  for (const path of ['/admin/stories', `/admin/stories/${ids[0]}`, '/admin/audit'])
    assert.equal((await app('GET', path, undefined, one.key)).status, 403)
  assert.deepEqual(
    (await auditOf(ids[0]!)).map(({ action }) => action),
    ['story.canceled', 'story.read'],
  )
})

test('all stories of a key or a tenant are canceled or deleted at once, those that run when they have stopped', async () => {
  const [one, two] = [await make({ tenant: 'mill' }), await make({ tenant: 'mill' })]
  const running = await post(one.key)
  const lease = await leaseOf(running.id)
  const queued = [await post(one.key), await post(two.key)]
  const stop = (body: object) => operate<z.infer<typeof Stopped>>('POST', '/admin/stories/cancel', body)
  assert.deepEqual((await stop({ key: two.id })).body, { canceled: 1, stopping: 0, more: false })
  assert.deepEqual((await stop({ tenant: 'mill' })).body, { canceled: 1, stopping: 1, more: false })
  assert.deepEqual((await stop({ tenant: 'mill' })).body, { canceled: 0, stopping: 0, more: false })
  assert.equal(await statusOf(two.key, queued[1]!.id), 'canceled')
  assert.equal((await held<{ cancel: boolean }>(lease, 'POST', 'heartbeat')).body.cancel, true)
  const erase = () => operate<z.infer<typeof Erased>>('POST', '/admin/stories/delete', { tenant: 'mill' })
  assert.deepEqual((await erase()).body, { canceled: 0, stopping: 0, erased: 2, more: false })
  await report(lease, 1, 'story.canceled')
  assert.deepEqual((await erase()).body, { canceled: 0, stopping: 0, erased: 1, more: false })
  assert.equal((await app('GET', `/stories/${running.id}`, undefined, one.key)).body.data_removed, true)
  for (const body of [{}, { key: one.id, tenant: 'mill' }, { key: 'none' }])
    assert.equal((await operate('POST', '/admin/stories/cancel', body)).status, 422)
})

test('revoking a key with stop=true stops its stories and ends its links; without, both go on', async () => {
  const [kept, stopped] = [await make(), await make()]
  const stories = [await post(kept.key), await post(stopped.key)]
  const open = async (link: string) => {
    const response = await fetch(link)
    await response.body?.cancel()
    return response.status
  }
  assert.equal((await operate<Key>('DELETE', `/keys/${kept.id}`)).status, 200)
  const { body } = await operate<Key & { stopped: object }>('DELETE', `/keys/${stopped.id}?stop=true`)
  assert.deepEqual(body.stopped, { canceled: 1, stopping: 0, more: false })
  assert.ok(body.revoked_at)
  const statuses = stories.map(({ id }) => operate<AdminStory>('GET', `/admin/stories/${id}`))
  assert.deepEqual(
    (await Promise.all(statuses)).map(({ body }) => body.status),
    ['queued', 'canceled'],
  )
  assert.deepEqual(await Promise.all(stories.map(({ urls }) => open(urls.events))), [200, 404])
  assert.deepEqual(
    (await auditOf(stopped.id)).map(({ action, detail }) => [action, detail]),
    [
      ['key.revoked', { links: true }],
      ['key.created', { name: 'app', scopes: ['stories:write', 'stories:read', 'webhooks'] }],
    ],
  )
})

test('links of a key end when they are revoked, and views have new ones', async () => {
  const { key, id } = await make()
  const posted = await post(key)
  const lease = await leaseOf(posted.id)
  await held(lease, 'PUT', 'frames/0', await plainPng(3))
  const view = async () => (await app('GET', `/stories/${posted.id}`, undefined, key)).body
  const form = new FormData()
  form.set('content', new Blob(['x']), 'x.txt')
  const authorization = `Bearer ${key}`
  const file = await call<{ urls: { get: string } }>('POST', '/v1/files', { headers: { authorization }, body: form })
  const old = [(await view()).frames[0]!.url!, file.body.urls.get]
  const open = async (links: string[]) => Promise.all(links.map(async (link) => (await fetch(link)).status))
  assert.deepEqual(await open(old), [200, 200])
  assert.equal((await operate<Key>('POST', `/keys/${id}/links/revoke`)).status, 200)
  assert.deepEqual(await open(old), [404, 404])
  const renewed = (await view()).frames[0]!.url!
  assert.notEqual(renewed, old[0])
  assert.deepEqual(
    await open([renewed, renewed.replace(/gen=1/, 'gen=0'), renewed.replace(/gen=1&?/, '')]),
    [200, 401, 401],
  )
  assert.equal((await wrong('POST', `/keys/key_${'a'.repeat(16)}/links/revoke`, undefined, admin)).status, 404)
})

test('the audit log says who did what to which key, and in which request', async () => {
  const { key, id } = await make({ tenant: 'log' })
  await operate('PATCH', `/keys/${id}`, { weight: 3, tenant: 'other' })
  const rotated = await operate<New>('POST', `/keys/${id}/rotate`, {})
  await app('POST', '/webhooks/secret/rotate', {}, key)
  await operate('PATCH', `/keys/key_${'a'.repeat(16)}`, { weight: 3 })
  const entries = await auditOf(id)
  assert.deepEqual(
    entries.map(({ action }) => action),
    ['key.secret_rotated', 'key.rotated', 'key.updated', 'key.created'],
  )
  assert.deepEqual(entries[2]?.detail, { weight: 3, tenant: 'other' })
  assert.equal(entries[0]?.actor, id)
  assert.equal(entries[1]?.request_id, rotated.headers.get('x-request-id'))
  assert.ok(!JSON.stringify(entries).includes(key) && !JSON.stringify(entries).includes(rotated.body.key))
  assert.deepEqual(await auditOf(`key_${'a'.repeat(16)}`), [])
  const page = (await operate<z.infer<typeof AuditList>>('GET', `/admin/audit?target=${id}&limit=3`)).body
  const next = (await operate<z.infer<typeof AuditList>>('GET', page.next!)).body
  assert.deepEqual([page.results.length, next.results.length, next.next], [3, 1, null])
  assert.equal((await operate<Problem>('GET', '/admin/audit?cursor=x')).status, 422)
})
