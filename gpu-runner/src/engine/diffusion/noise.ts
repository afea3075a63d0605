/**
 * Noise that depends on its key alone, never on the batch it is drawn in or on what was drawn before: a frame sampled
 * again by itself, or together with others, is the same frame.
 */

import { createHash } from 'node:crypto'

export interface NoiseKey {
  /** An integer of any size. */
  readonly seed: bigint | number
  readonly story: string
  readonly frame: string
  /** Separates draws for one frame: 0 its first latent, then one for each step of a sampler that draws noise. */
  readonly stream: number
}

/** `count` normal values of mean 0 and deviation 1. A longer draw under the same key begins with the shorter one. */
export function gaussian(key: NoiseKey, count: number): Float32Array<ArrayBuffer> {
  const [k0, k1, c2, c3] = hash(key)
  const out = new Float32Array(count)
  for (let block = 0; block * 4 < count; block++) {
    const words = philox4x32([block >>> 0, Math.floor(block / 2 ** 32), c2, c3], [k0, k1])
    for (let pair = 0; pair < 2; pair++) {
      // Box-Muller. Half a unit keeps the logarithm finite, so that no value lies beyond ±6.8.
      const radius = Math.sqrt(-2 * Math.log((words[pair * 2]! + 0.5) / 2 ** 32))
      const angle = (2 * Math.PI * words[pair * 2 + 1]!) / 2 ** 32
      // Writes past the end of a typed array do nothing, which cuts the last block.
      out[block * 4 + pair * 2] = radius * Math.cos(angle)
      out[block * 4 + pair * 2 + 1] = radius * Math.sin(angle)
    }
  }
  return out
}

/** One of many seeds that follow from `seed`, none of which depends on how many there are: an integer below 2^53. */
export function derivedSeed(seed: number, index: number): number {
  const [high, low] = hash({ seed, story: 'derived', frame: String(index), stream: 0 })
  return (high >>> 11) * 2 ** 32 + low
}

export type Words2 = readonly [number, number]
export type Words4 = readonly [number, number, number, number]

/**
 * Philox4x32 with ten rounds: a bijection of 128-bit counters for each 64-bit key, in unsigned 32-bit words.
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC '11.
 */
export function philox4x32(counter: Words4, key: Words2): Words4 {
  let [x0, x1, x2, x3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, x0)
    const high1 = multiplyHigh(0xcd9e8d57, x2)
    const low0 = Math.imul(0xd2511f53, x0)
    const low1 = Math.imul(0xcd9e8d57, x2)
    x0 = (high1 ^ x1 ^ k0) >>> 0
    x1 = low1 >>> 0
    x2 = (high0 ^ x3 ^ k1) >>> 0
    x3 = low0 >>> 0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [x0, x1, x2, x3]
}

/** The upper 32 bits of a product of two unsigned 32-bit words, by halves, as a double has only 53 bits. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const carry = a0 * b1 + (middle & 0xffff)
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0
}

/** 128 bits of a key, half for Philox' key and half for its counter, so that two keys never share a sequence. */
function hash({ seed, story, frame, stream }: NoiseKey): Words4 {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new RangeError(`gaussian: seed ${seed} is no integer that a number holds exactly`)
  }
  if (!Number.isSafeInteger(stream) || stream < 0) throw new RangeError(`gaussian: stream ${stream} is no count`)
  const digest = createHash('sha256')
    .update(JSON.stringify([String(seed), story, frame, stream]))
    .digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12)]
}
