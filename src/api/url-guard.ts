/** Where a webhook may go. Checked when a story is posted and again before each try. */

/** Names that resolve inside a network of one's own, by RFC 6761, RFC 6762 and common use. */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|test|invalid|home\.arpa)$/

/**
 * Why `url` is no place for a webhook; undefined when it is.
 *
 * Addresses are refused altogether, private or not: nothing that is meant to be reached lacks a name, and the URL
 * parser has already turned every spelling of IPv4 (decimal, octal, hex) into four numbers.
 */
export function refuseWebhook(url: string, allowInsecure: boolean): string | undefined {
  const { protocol, hostname, port, username, password } = new URL(url)
  if (username || password) return 'must not hold a user name or password'
  if (allowInsecure) return undefined
  if (protocol !== 'https:') return 'must begin with https://'
  if (port !== '' && port !== '8443') return `must use port 443 or 8443, not ${port}`
  const host = hostname.replace(/\.$/, '')
  if (host.startsWith('[') || /^[\d.]+$/.test(host)) return `must name a host, not the address ${host}`
  if (!host.includes('.') || PRIVATE_NAME.test(host)) return `must name a public host, not ${host}`
  return undefined
}
