/**
 * Client tokens: what a page or an app on somebody's phone may hold in place of an API key. A token says itself what it is
 * good for, and is signed, so that nothing is written when one is made. It is spelt `ff_client_<claims>.<mac>`, both in
 * base64url; the claims are JSON.
 */
import { z } from 'zod'
import { base64url } from './base64.ts'
import { isMacOf, macOf } from './mac.ts'
import type { LinkSettings } from './signed-url.ts'

const PREFIX = 'ff_client_'
/** Characters; the longest one that is made has fewer. */
const MAX_LENGTH = 8_192

const Claims = z.object({
  id: z.string(),
  apiKeyId: z.string(),
  /** Of the links of its API key when it was made: revoking those ends it too. */
  generation: z.number(),
  /** Unix seconds. */
  expires: z.number(),
  /** Web sites whose pages may use it. */
  origins: z.array(z.string()),
  /** Stories and, in all of them, frames that it may create; or the story that it may follow. */
  grant: z.union([z.object({ stories: z.number(), frames: z.number() }), z.object({ story: z.string() })]),
})
export type ClientToken = z.infer<typeof Claims>

export const isClientToken = (credential: string) => credential.startsWith(PREFIX)

/** The same token, the same text. */
export function writeClientToken(token: ClientToken, settings: LinkSettings): string {
  const claims = base64url(new TextEncoder().encode(JSON.stringify(token)))
  return `${PREFIX}${claims}.${macOf(signedText(claims), settings.URL_SECRET[0])}`
}

/** Undefined for what no secret of the edge has signed. */
export function readClientToken(text: string, settings: LinkSettings): ClientToken | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, claims = '', mac = ''] = /^ff_client_([\w-]+)\.([\w-]{43})$/.exec(text) ?? []
  if (!isMacOf(mac, signedText(claims), settings.URL_SECRET)) return undefined
  const bytes = Uint8Array.from(atob(claims.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
  return Claims.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

const signedText = (claims: string) => `fableframe client token\n${claims}`
