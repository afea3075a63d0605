/** Enough of PNG (ISO/IEC 15948) to refuse what is none, without decoding it. */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const MAX_SIDE = 8192

/** Size of the picture, or what is wrong with the bytes. Walks the chunks, so a cut-off upload does not pass. */
export function inspectPng(bytes: Uint8Array): { width: number; height: number } | { wrong: string } {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) return { wrong: 'does not begin with the PNG signature' }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = SIGNATURE.length
  let last = ''
  while (at + 12 <= bytes.length && last !== 'IEND') {
    last = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (at === SIGNATURE.length && (last !== 'IHDR' || view.getUint32(at) !== 13))
      return { wrong: 'its first chunk is no IHDR' }
    // Length, type and checksum take 12 bytes around the data.
    at += 12 + view.getUint32(at)
  }
  if (last !== 'IEND' || at !== bytes.length) return { wrong: `is cut off or has a tail, at ${bytes.length} bytes` }
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  if (Math.min(width, height) < 1 || Math.max(width, height) > MAX_SIDE)
    return { wrong: `is ${width}x${height} pixels; 1 to ${MAX_SIDE} a side` }
  return { width, height }
}
