/** The edge in real workerd, with an app and a runner that talk to it; stopped after the tests of the file. */
import { after } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { Problem } from '../contract/problem.ts'
import { PROTOCOL } from '../contract/protocol.ts'
import { type Claim, Claims, type EventReceipt, type RunnerEvent, SEED_HEADER } from '../contract/runner.ts'
import type { StoryInput } from '../contract/story.ts'
import type { Story } from '../contract/story-view.ts'
import { type EdgeOptions, startEdge } from '../local/edge.ts'
import { openDb } from '../src/db/client.ts'
import { insertApiKey } from '../src/db/keys/api-keys.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { randomBytes } from './d1.ts'

export const RUNNER_TOKEN = 'a-token-of-the-tests'
export const RUNNER_WEBHOOK_SECRET = `whsec_${btoa('the secret of the runners in tests')}`

export interface Answer<Body> {
  status: number
  headers: Headers
  body: Body
}

export async function testEdge(
  env: Record<string, string> = {},
  options: Pick<EdgeOptions, 'entry' | 'log' | 'signIn'> = {},
) {
  const { key } = await newApiKey('tests', { now: Date.now, randomBytes })
  const settings = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, ALLOW_INSECURE_WEBHOOKS: '1', ...env }
  const edge = await startEdge({ port: 0, dataDir: null, apiKey: key, cron: false, env: settings, ...options })
  after(() => edge.dispose())

  /** Any request; the body of the answer is read as JSON where it is JSON, as text where it is not. */
  async function call<Body>(method: string, path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const response = await fetch(new URL(path, edge.url), { method, redirect: 'manual', ...init })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  /** A request of an app. */
  const app = <Body = Story>(method: string, path: string, body?: unknown, apiKey = key) =>
    call<Body>(method, path, {
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })

  /** A request of an app that is answered with a problem. */
  const wrong = (method: string, path: string, body?: unknown, apiKey = key) =>
    app<Problem>(method, path, body, apiKey).then(({ body }) => body)

  const post = async (story: StoryInput) => (await app('POST', '/stories', story)).body
  const read = async (id: string) => (await app('GET', `/stories/${id}`)).body

  async function otherKey(): Promise<string> {
    const { key, row } = await newApiKey('other', { now: Date.now, randomBytes })
    await insertApiKey(openDb(edge.bindings.DB), row)
    return key
  }

  const authorization = `Bearer ${RUNNER_TOKEN}`

  async function claim(model = 'story-mini', wait = 0, init: RequestInit = {}): Promise<Claim | undefined> {
    const headers = { authorization, 'content-type': 'application/json' }
    const body = JSON.stringify({ runner: 'tests', model, wait, protocol: PROTOCOL })
    const answer = await call('POST', '/runner/claim', { headers, body, ...init })
    return answer.status === 204 ? undefined : Claims.parse(answer.body).claims[0]
  }

  /** A request of the runner that holds `lease`. */
  const held = <Body>(
    { id, lease_token }: Pick<Claim, 'id' | 'lease_token'>,
    method: string,
    path: string,
    body?: Uint8Array,
  ) =>
    call<Body>(method, `/runner/stories/${id}/${path}`, {
      headers: {
        authorization,
        'x-lease-token': lease_token,
        ...(body && { [SEED_HEADER]: '11', 'content-type': 'image/png' }),
      },
      ...(body && { body: new Uint8Array(body) }),
    })

  /** Post an event as the runner that holds `lease` would; `overrides` spoil it. */
  async function report(
    lease: Pick<Claim, 'id' | 'lease_token'>,
    sequence: number,
    type: RunnerEvent['type'],
    data: object = {},
    overrides: { id?: string; at?: Date; secret?: string; body?: string } = {},
  ): Promise<Answer<Omit<EventReceipt, 'status'> & Omit<Problem, 'status'> & { status: string | number }>> {
    const { at = new Date(), id = `evt_${lease.lease_token}_${sequence}`, secret = RUNNER_WEBHOOK_SECRET } = overrides
    const event = { story_id: lease.id, lease_token: lease.lease_token, sequence, ...data }
    const signed = JSON.stringify({ type, timestamp: at.toISOString(), data: event })
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, signed),
    }
    return call('POST', '/runner/webhooks', { headers, body: overrides.body ?? signed })
  }

  return { ...edge, key, call, app, wrong, post, read, otherKey, claim, held, report }
}
