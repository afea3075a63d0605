/** Which scope a request takes. Follows from method and path, so that no route can be written without one. */
import type { Scope } from '../../../contract/key.ts'

export const isRead = (method: string) => ['GET', 'HEAD', 'QUERY'].includes(method)

export function scopeFor(method: string, path: string): Scope {
  if (/^\/runner(\/|$)/.test(path)) return 'runner'
  if (/^\/(keys|admin|runners)(\/|$)/.test(path)) return 'admin'
  if (/^(\/v1)?\/webhooks(\/|$)/.test(path)) return 'webhooks'
  return isRead(method) ? 'stories:read' : 'stories:write'
}
