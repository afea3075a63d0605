/** 16-bit floats to and from float32, and 8-bit floats to it. Halves travel as their bits in a Uint16Array, little-endian like the machine. */

export function fromHalf(bits: Uint16Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return new Float32Array(new Float16Array(bits.buffer, bits.byteOffset, bits.length))
}

/** Round to the nearest half, ties to even; values past ±65504 become infinite. */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer)
}

export function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16
  return new Float32Array(out.buffer)
}

/** Round to the nearest bfloat16, ties to even; a NaN stays one (rounding alone could carry it over to infinity). */
export function toBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const word = words[i]!
    out[i] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}

/**
 * 8-bit floats of the Open Compute Project (OFP8): E4M3 has no infinity and one NaN of each sign, E5M2 is the upper half
 * of an F16.
 */
export function fromFloat8(bytes: Uint8Array, exponentBits: 4 | 5): Float32Array<ArrayBuffer> {
  const table = Float32Array.from({ length: 256 }, (_, byte) => float8(byte, exponentBits))
  return Float32Array.from(bytes, (byte) => table[byte]!)
}

function float8(byte: number, exponentBits: 4 | 5): number {
  const fractionBits = 7 - exponentBits
  const sign = byte & 0x80 ? -1 : 1
  const exponent = (byte & 0x7f) >> fractionBits
  const fraction = (byte & ((1 << fractionBits) - 1)) / (1 << fractionBits)
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponentBits === 4 && (byte & 0x7f) === 0x7f) return Number.NaN
  if (exponentBits === 5 && exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}
