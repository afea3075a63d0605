/** Webhook endpoints of apps, each with a fault of its own. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { StoryWebhook } from '../../contract/story-view.ts'
import type { History } from './history.ts'

/** What the n-th request for one message is answered, from 0; undefined for no answer at all. */
const KINDS: Record<string, (n: number) => number | undefined> = {
  well: () => 204,
  'times out once': (n) => (n === 0 ? undefined : 204),
  redirects: () => 302,
  'fails once': (n) => (n === 0 ? 500 : 204),
  gone: () => 410,
}

/** One endpoint of each kind, on a port of its own. `secrets` are what the webhooks of each key are signed with. */
export async function openReceivers(
  secrets: Map<string, string>,
  history: Pick<History, 'received' | 'forged' | 'seen' | 'reliable'>,
) {
  const trap = createServer((request, response) => {
    history.seen.push({ rule: 'redirects are not followed', evidence: `${request.method} ${request.url}` })
    response.end()
  })
  await listen(trap)
  const servers = await Promise.all(Object.values(KINDS).map((answer) => open(answer)))
  history.reliable = [...secrets.keys()].map((key) => urlsOf(key)[Object.keys(KINDS).indexOf('well')]!)
  return {
    urlsOf,
    close() {
      for (const server of [...servers, trap]) {
        server.closeAllConnections()
        server.close()
      }
    },
  }

  /** Where webhooks of this key go, one URL for each kind of endpoint. */
  function urlsOf(key: string): string[] {
    return servers.map((server) => `${originOf(server)}/${key}`)
  }

  async function open(answer: (n: number) => number | undefined) {
    const times = new Map<string, number>()
    const server = createServer(async (request, response) => {
      const body = await text(request).catch(() => '')
      const id = String(request.headers['webhook-id'])
      const n = times.get(id) ?? 0
      times.set(id, n + 1)
      take(request.url?.slice(1) ?? '', id, body, request.headers as Record<string, string>)
      const status = answer(n)
      if (status === undefined) return
      response.writeHead(status, status === 302 ? { location: `${originOf(trap)}/` } : {}).end()
    })
    await listen(server)
    return server
  }

  function take(key: string, id: string, body: string, headers: Record<string, string>): void {
    try {
      const { type, data } = StoryWebhook.parse(new Webhook(secrets.get(key) ?? '').verify(body, headers))
      history.received.push({ id, story: data.id, type, status: data.status, body })
    } catch {
      history.forged++
    }
  }
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

const originOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
