/**
 * Which URLs of strangers we go to: webhooks and reference pictures. Checked when a story is posted, and a webhook's again
 * before each try. A Worker cannot resolve names; `gpu-runner/src/service/guarded-fetch.ts` fetches pictures and can.
 */

/** Names that resolve inside a network of one's own or not at all, by RFC 6761, 6762, 7686, 9476 and common use. */
const PRIVATE_NAME =
  /(^|\.)(localhost|localdomain|local|internal|intranet|private|lan|home|corp|svc|test|invalid|onion|alt|home\.arpa)$/

/**
 * Why we do not go to `url`; undefined when we do.
 *
 * Addresses are refused altogether, private or not: nothing that is meant to be reached lacks a name, and the URL
 * parser has already turned every spelling of IPv4 (decimal, octal, hex) into four numbers.
 */
export function refuseUrl(url: string, allowInsecure: boolean): string | undefined {
  const { protocol, hostname, port, username, password } = new URL(url)
  if (username || password) return 'must not hold a user name or password'
  if (allowInsecure) return undefined
  if (protocol !== 'https:') return 'must begin with https://'
  if (port !== '' && port !== '8443') return `must use port 443 or 8443, not ${port}`
  const host = hostname.replace(/\.+$/, '')
  if (host.startsWith('[') || /^[\d.]+$/.test(host)) return `must name a host, not the address ${host}`
  if (!host.includes('.') || host.includes('..') || PRIVATE_NAME.test(host))
    return `must name a public host, not ${host}`
  return undefined
}
