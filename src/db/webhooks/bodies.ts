/**
 * Bodies of webhooks as they are kept. A message keeps its body for as long as its story, so that each later try and each
 * replay sends the same bytes. Every body is the whole story, and most of it is the same phrases again: compressed.
 */
import { base64 } from '../../platform/base64.ts'

/** A body that is kept in fewer characters than it has begins with this; JSON cannot. */
const PACKED = 'deflate:'

/** Raw DEFLATE in base64, if that is shorter than the body. */
export async function packBody(body: string): Promise<string> {
  const bytes = await through(new TextEncoder().encode(body), new CompressionStream('deflate-raw'))
  const packed = PACKED + base64(bytes)
  return packed.length < body.length ? packed : body
}

export async function unpackBody(kept: string): Promise<string> {
  if (!kept.startsWith(PACKED)) return kept
  const bytes = Uint8Array.from(atob(kept.slice(PACKED.length)), (char) => char.charCodeAt(0))
  return new TextDecoder().decode(await through(bytes, new DecompressionStream('deflate-raw')))
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer())
}
