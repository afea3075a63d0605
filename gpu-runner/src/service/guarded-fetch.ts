/**
 * Fetches a picture from a URL that a stranger chose, without becoming their way into our network.
 *
 * The Worker refuses addresses and private names when a story is posted, but cannot resolve names: a public name may
 * lead to a private address. Here the name is resolved, and the connection goes only to an address that was
 * checked, so that an answer which changes between the check and the connection (DNS rebinding) gains nothing. What is
 * refused is every range of the IANA special-purpose registries that `ipaddr.js` knows, IPv4 inside IPv6 included.
 * Redirects are followed by hand, each under the same rules.
 */
import { lookup as systemLookup } from 'node:dns'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

export interface GuardOptions {
  signal?: AbortSignal
  /** Bytes of the body. */
  maxBytes?: number
  /** For all of it, redirects included. */
  timeoutMs?: number
  redirects?: number
  /** Which addresses may be connected to; for tests. */
  isAllowed?: (address: string) => boolean
  /** For tests. */
  lookup?: LookupFunction
  /** Whether plain http will do; for tests and a machine of one's own. */
  allowHttp?: boolean
}

/** The URL, or what it leads to, is not to be fetched. The message says why, and may be shown to who gave the URL. */
export class RefusedUrl extends Error {
  override name = 'RefusedUrl'
}

/** It may be there another time: the host took too long, or said that it is the one in trouble. */
export class UnreachableUrl extends Error {
  override name = 'UnreachableUrl'
}

/** Public by the registries, but answered by the platform that a machine runs on (Azure's WireServer). */
const PLATFORM = ['168.63.129.16']
/** IPv4-compatible IPv6 (`::a.b.c.d`, RFC 4291, deprecated) leads to that IPv4 address where it is still routed. */
const COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96')

/** Whether an address is one of the public Internet: neither private, local, reserved, multicast nor a tunnel to such. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv6' && parsed.match(COMPATIBLE)) return false
  return parsed.range() === 'unicast' && !PLATFORM.includes(parsed.toString())
}

/** The body of `url`. Throws `RefusedUrl`, `UnreachableUrl`, or what the network threw, or the reason of `signal`. */
export async function guardedFetch(url: string, options: GuardOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes = 20 * 2 ** 20, timeoutMs = 15_000, redirects = 3, signal: outer } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = outer ? AbortSignal.any([outer, timeout]) : timeout
  try {
    for (let target = url, left = redirects; ; left--) {
      const response = await request(checkUrl(target, options), signal, options)
      const { statusCode = 0, headers } = response
      if (statusCode >= 300 && statusCode < 400 && headers.location) {
        response.destroy()
        if (left === 0) throw new RefusedUrl(`${url} redirects more than ${redirects} times`)
        target = new URL(headers.location, target).href
        continue
      }
      if (statusCode !== 200) {
        response.destroy()
        const itsTrouble = statusCode >= 500 || statusCode === 408 || statusCode === 429
        throw new (itsTrouble ? UnreachableUrl : RefusedUrl)(`${target} answered ${statusCode}, not 200`)
      }
      return await readBody(response, target, maxBytes)
    }
  } catch (error) {
    outer?.throwIfAborted()
    if (timeout.aborted) throw new UnreachableUrl(`${url} did not answer within ${timeoutMs / 1000} s`)
    throw error
  }
}

function checkUrl(text: string, { allowHttp = false, isAllowed = isPublicAddress }: GuardOptions): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new RefusedUrl(`${text} is not a URL`)
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:'))
    throw new RefusedUrl(`${url.origin} must begin with https://`)
  if (url.username || url.password) throw new RefusedUrl(`${url.host}: a URL must not hold a user name or password`)
  // An address is connected to without being looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isAllowed(host)) throw new RefusedUrl(`${host} is not a public address`)
  return url
}

/** Resolves with the head of the answer. */
function request(url: URL, signal: AbortSignal, options: GuardOptions): Promise<IncomingMessage> {
  const { isAllowed = isPublicAddress, lookup = systemLookup } = options
  const guarded: LookupFunction = (hostname, about, callback) =>
    lookup(hostname, { ...about, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const addresses = Array.isArray(found) ? found : [{ address: found, family: isIP(found) }]
      const wrong = addresses.find(({ address }) => !isAllowed(address))
      // One private address among public ones is refused as well: nobody needs it, and it is how rebinding begins.
      if (wrong) return callback(new RefusedUrl(`${hostname} does not lead to a public address`), [])
      const [first] = addresses
      if (about.all) callback(null, addresses)
      else if (first) callback(null, first.address, first.family)
      else callback(new RefusedUrl(`${hostname} leads nowhere`), [])
    })
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? httpsGet : httpGet
    const headers = { accept: 'image/png, image/jpeg, image/webp', 'user-agent': 'Fableframe/1 (+references)' }
    // No agent: a connection that is kept alive would be used again without a check of its address.
    get(url, { agent: false, lookup: guarded, signal, headers }, resolve).on('error', reject)
  })
}

async function readBody(response: IncomingMessage, url: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new RefusedUrl(`${url} has more than ${maxBytes} bytes`)
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy()
    throw tooLarge()
  }
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  // Leaving the loop closes the connection.
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}
