/** An app's webhook endpoint, on a real port; closed after the tests of the file. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'

export interface Received {
  path: string
  headers: Record<string, string>
  body: string
}

export interface ReceiverAnswer {
  status: number
  headers?: Record<string, string>
  /** Default: `noted`. */
  body?: string
}

/** `answer` says what comes back for the n-th request (from 0) to a path; never an answer when it gives none. */
export async function testReceiver(answer: (path: string, n: number) => ReceiverAnswer | undefined) {
  const received: Received[] = []
  const waiting: (() => void)[] = []
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const path = request.url ?? ''
    const n = received.filter((one) => one.path === path).length
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    received.push({ path, headers, body: Buffer.concat(chunks).toString() })
    const { status, headers: more, body = 'noted' } = answer(path, n) ?? {}
    if (status !== undefined) response.writeHead(status, more).end(body)
    for (const wake of waiting.splice(0)) wake()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  /** Resolves with the first `count` requests to `path`, once they have come. */
  async function requests(path: string, count: number): Promise<Received[]> {
    for (;;) {
      const come = received.filter((one) => one.path === path)
      if (come.length >= count) return come.slice(0, count)
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, requests }
}
