/** Requests to Durable Objects. */
import type { DurableObjectNamespace } from '@cloudflare/workers-types'

/** Any URL will do: the request goes to the object, not into the network. */
export const OBJECT = 'https://object/'

/** `POST` with `body` as JSON to the object of that name. */
export function postTo(namespace: DurableObjectNamespace, name: string, body: object, signal?: AbortSignal) {
  // There are two types of AbortSignal here, Node's and workerd's, for one thing.
  const init: object = { method: 'POST', body: JSON.stringify(body), ...(signal && { signal }) }
  return namespace.get(namespace.idFromName(name)).fetch(OBJECT, init)
}
