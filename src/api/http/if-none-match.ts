/** The header If-None-Match (RFC 9110, section 13.1.2). */

const TAG = /(?:W\/)?"[^"]*"/g

/** Whether the client has it already: tags are compared weakly, and `*` stands for whatever there is. */
export function isKnownTo(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return (ifNoneMatch.match(TAG) ?? []).some((tag) => opaque(tag) === opaque(etag))
}

const opaque = (tag: string) => tag.replace(/^W\//, '')
