/** A client of the edge, typed by its routes: `fableframe(url, key).stories.$post({ json, header: {}, query: {} })`. */
import { hc } from 'hono/client'
import type { createApp } from './api/app.ts'

export type Api = ReturnType<typeof createApp>

/**
 * @param url where the edge is, such as `http://127.0.0.1:8787`
 * @param apiKey `ff_live_…`
 */
export function fableframe(url: string, apiKey: string) {
  return hc<Api>(url, { headers: { authorization: `Bearer ${apiKey}` }, fetch: fetchOnce })
}

/** Gives each POST an Idempotency-Key, unless it has one, so that a proxy or a retry of `fetch` creates nothing twice. */
const fetchOnce: typeof fetch = (input, init) => {
  const request = new Request(input, init)
  if (request.method === 'POST' && !request.headers.has('idempotency-key'))
    request.headers.set('idempotency-key', crypto.randomUUID())
  return fetch(request)
}
