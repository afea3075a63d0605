/** A runner without a model: claims, reports and completes over HTTP, as fast as the edge lets it. */
import { Webhook } from 'standardwebhooks'
import { type Claim, Claims, CompletionReceipts, type RunnerEvent } from '../../contract/runner.ts'
import { RUNNER_SECRET, RUNNER_TOKEN } from './setup.ts'

export type Lease = Pick<Claim, 'id' | 'lease_token'>

export function createRunner(url: string, model: string, send = fetch) {
  const authorization = `Bearer ${RUNNER_TOKEN}`
  const headers = { authorization, 'content-type': 'application/json' }

  async function post(path: string, headers: Record<string, string>, body: string | null): Promise<unknown> {
    const response = await send(url + path, { method: 'POST', headers, body })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** Up to `max` stories, none when none is ready. */
  async function claim(max = 1): Promise<Claim[]> {
    const answer = await post('/runner/claim', headers, JSON.stringify({ runner: 'bench', model, max }))
    return answer === undefined ? [] : Claims.parse(answer).claims
  }

  async function report({ id, lease_token }: Lease, sequence: number, type: RunnerEvent['type'], data = {}) {
    const at = new Date()
    const event = { story_id: id, lease_token, sequence, ...data }
    const body = JSON.stringify({ type, timestamp: at.toISOString(), data: event })
    const messageId = `evt_${lease_token}_${sequence}`
    await post(
      '/runner/webhooks',
      {
        'content-type': 'application/json',
        'webhook-id': messageId,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(RUNNER_SECRET).sign(messageId, at, body),
      },
      body,
    )
  }

  /** How many of them are complete now. */
  async function completeAll(leases: Lease[]): Promise<number> {
    const stories = leases.map(({ id, lease_token }) => ({ story_id: id, lease_token }))
    const answer = await post('/runner/complete', headers, JSON.stringify({ stories }))
    return CompletionReceipts.parse(answer).receipts.filter(({ outcome }) => outcome === 'completed').length
  }

  const held = ({ id, lease_token }: Lease, what: string) =>
    post(`/runner/stories/${id}/${what}`, { authorization, 'x-lease-token': lease_token }, null)
  const heartbeat = (lease: Lease) => held(lease, 'heartbeat')
  const release = (lease: Lease) => held(lease, 'release')

  return { claim, report, completeAll, heartbeat, release }
}
