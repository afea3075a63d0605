/** The adapters against servers that answer as the platforms' documents say, and strictly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DurableObjectNamespace } from '@cloudflare/workers-types'
import { Webhook } from 'standardwebhooks'
import { DemandWebhook } from '../../../contract/demand.ts'
import { readSettings, SettingsError } from '../../platform/env.ts'
import { demandOf } from '../demand.ts'
import { containersAdapter } from './containers.ts'
import { flyAdapter } from './fly.ts'
import { runpodAdapter } from './runpod.ts'
import { webhookAdapter } from './webhook.ts'

const load = { model: 'm', queued: 3, running: 0, runners: 0, secondsPerStory: 40, secondsPerFrame: 10 }
const demand = demandOf([load], 7, { MAX_RUNNERS: 4, TARGET_WAIT_SECONDS: 60 })
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** A platform that knows `answers` by path, wants `token`, and notes what it was asked. */
function platform(token: string, answers: Record<string, [number, string?]>) {
  const asked: string[] = []
  const fetch = async (url: string, init: RequestInit) => {
    const request = new Request(url, init)
    assert.equal(request.method, 'POST')
    if (request.headers.get('authorization') !== `Bearer ${token}`) return new Response('{}', { status: 401 })
    asked.push(url)
    const [status, body] = answers[url] ?? [404, '{"error":"not found"}']
    return new Response(status === 204 ? null : (body ?? '{}'), { status })
  }
  return { asked, fetch }
}

test('webhook: signed per Standard Webhooks, with the demand; a refusal is an error', async () => {
  const sent: DemandWebhook[] = []
  let status = 204
  const fetch = async (url: string, init: RequestInit) => {
    const request = new Request(url, init)
    const headers = Object.fromEntries(request.headers)
    sent.push(DemandWebhook.parse(new Webhook(secret).verify(await request.text(), headers)))
    return new Response(null, { status })
  }
  const adapter = webhookAdapter(
    { url: 'https://starter.example/wake', secret },
    { fetch, now: Date.now, newId: () => 'a1' },
  )
  await adapter.start(2, demand)
  await adapter.stop(demand)
  assert.deepEqual(
    sent.map(({ type, data }) => [type, data.start, data.queued, data.wanted, data.oldest_seconds]),
    [
      ['runners.wanted', 2, 3, 2, 7],
      ['runners.unwanted', 0, 3, 2, 7],
    ],
  )
  status = 503
  await assert.rejects(adapter.start(1, demand), /WAKE_URL was answered 503/)
})

test('RunPod: pods are started in turn until enough have agreed; one without a free GPU is passed over', async () => {
  const pod = (id: string, what: string) => `https://rest.runpod.io/v1/pods/${id}/${what}`
  const { asked, fetch } = platform('rpa_key', {
    [pod('a', 'start')]: [500, '{"error":"There are not enough free GPUs on the host machine"}'],
    [pod('b', 'start')]: [200],
    [pod('c', 'start')]: [200],
    [pod('a', 'stop')]: [200],
    [pod('b', 'stop')]: [200],
    [pod('c', 'stop')]: [200],
  })
  const adapter = runpodAdapter({ token: 'rpa_key', pods: ['a', 'b', 'c'] }, fetch)
  await adapter.start(1, demand)
  assert.deepEqual(asked.splice(0), [pod('a', 'start'), pod('b', 'start')])
  await adapter.stop(demand)
  assert.equal(asked.length, 3)
  await assert.rejects(runpodAdapter({ token: 'rpa_key', pods: ['a'] }, fetch).start(1, demand), /500: .*free GPUs/)
  await assert.rejects(runpodAdapter({ token: 'wrong', pods: ['b'] }, fetch).start(1, demand), /answered 401/)
})

test('Fly Machines: started, then stopped or suspended; one that rests already is no failure', async () => {
  const machine = (id: string, what: string) => `https://api.machines.dev/v1/apps/stories/machines/${id}/${what}`
  const { asked, fetch } = platform('fo1', {
    [machine('a', 'start')]: [200, '{"previous_state":"stopped"}'],
    [machine('a', 'suspend')]: [200, '{"ok":true}'],
    [machine('b', 'suspend')]: [412, '{"error":"failed_precondition: machine not in started state"}'],
  })
  const open = (rest: 'stop' | 'suspend') =>
    flyAdapter({ token: 'fo1', app: 'stories', machines: ['a', 'b'], rest }, fetch)
  await open('suspend').start(1, demand)
  await open('suspend').stop(demand)
  assert.deepEqual(asked, [machine('a', 'start'), machine('a', 'suspend'), machine('b', 'suspend')])
  await assert.rejects(open('stop').stop(demand), /answered 404/)
})

test('Cloudflare Containers: as many are started as are asked for, beside those that run', async () => {
  const running = new Set(['runner-0'])
  const get = (name: string) => ({
    fetch: async (_url: string, { method }: { method: string }) => {
      if (method === 'DELETE') {
        running.delete(name)
        return new Response(null, { status: 204 })
      }
      const status = running.has(name) ? 200 : 201
      running.add(name)
      return new Response(null, { status })
    },
  })
  const namespace = { idFromName: (name: string) => name, get } as unknown as DurableObjectNamespace
  const adapter = containersAdapter(namespace, 3)
  await adapter.start(1, demand)
  assert.deepEqual([...running], ['runner-0', 'runner-1'])
  await adapter.stop(demand)
  assert.equal(running.size, 0)
})

test('what WAKE needs and has not is named', () => {
  const usual = {
    RUNNER_TOKEN: 'a-token-of-the-tests',
    RUNNER_WEBHOOK_SECRET: secret,
    URL_SECRET: 'a secret of at least thirty-two characters',
  }
  const read = (more: object) => readSettings({ ...usual, ...more } as unknown as Parameters<typeof readSettings>[0])
  assert.equal(read({}).WAKE, undefined)
  assert.deepEqual(read({ WAKE: 'runpod', RUNPOD_API_KEY: 'k', RUNPOD_PODS: 'a, b' }).RUNPOD_PODS, ['a', 'b'])
  for (const [more, missing] of [
    [{ WAKE: 'webhook', WAKE_URL: 'https://a.example' }, /WAKE_SECRET: required with WAKE=webhook/],
    [{ WAKE: 'runpod', RUNPOD_API_KEY: 'k' }, /RUNPOD_PODS: required/],
    [{ WAKE: 'fly' }, /FLY_API_TOKEN.*FLY_APP.*FLY_MACHINES/],
    [{ WAKE: 'containers' }, /PUBLIC_URL: required/],
    [{ WAKE: 'magic' }, /WAKE: webhook, runpod, fly or containers/],
  ] as const)
    assert.throws(
      () => read(more),
      (error) => error instanceof SettingsError && missing.test(error.message),
    )
})
