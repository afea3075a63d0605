/**
 * The character bank of a story as one file: the frames that others attend to, as latents, with where the characters are
 * in them, and what references made of the characters. Its header, in `contract/bank.ts`, has prompts and settings.
 *
 * | tensor | type, shape | |
 * |---|---|---|
 * | `anchors.<i>.latent` | F16 [C,h,w] | as the sampler ended with it |
 * | `anchors.<i>.masks` | U8 [characters,h,w] | 1 where the character is, on the grid of the latent |
 * | `identities` | F32 [references,T,X] | tokens of reference pictures; missing where there are none |
 *
 * Latents are halves in the story itself too, wherever others read them, so that the file takes nothing away. The same
 * story makes the same bytes.
 */
import { BankError, type BankHeader, bankHeaderOf } from '../../../../contract/bank.ts'
import { fromHalf, toHalf } from '../../engine/io/half.ts'
import { encodeSafetensors, type NewTensor, parseSafetensors, SafetensorsError } from '../../engine/io/safetensors.ts'
import type { CharacterMasks } from '../sharing/masks.ts'

export interface Bank {
  readonly header: BankHeader
  /** Of each anchor, [C,h,w]. */
  readonly latents: readonly Float32Array[]
  readonly latentShape: readonly [number, number, number]
  /** Of each anchor, by place in the header's cast; null for characters that its prompt does not name. */
  readonly masks: readonly CharacterMasks[]
  /** [T,X] each. */
  readonly identities: readonly Float32Array[]
  /** [T,X]; zeros where there are none. */
  readonly identityShape: readonly [number, number]
}

export function encodeBank({
  header,
  latents,
  latentShape,
  masks,
  identities,
  identityShape,
}: Bank): Uint8Array<ArrayBuffer> {
  const [, height, width] = latentShape
  const area = height * width
  const tensors: Record<string, NewTensor> = {}
  for (const [i, data] of latents.entries()) {
    tensors[`anchors.${i}.latent`] = { dtype: 'F16', shape: latentShape, data }
    const all = new Uint8Array(header.cast.length * area)
    for (const [c, mask] of masks[i]!.entries()) if (mask) all.set(mask, c * area)
    tensors[`anchors.${i}.masks`] = { dtype: 'U8', shape: [header.cast.length, height, width], data: all }
  }
  if (identities.length > 0) {
    const size = identityShape[0] * identityShape[1]
    const data = new Float32Array(identities.length * size)
    for (const [i, tokens] of identities.entries()) data.set(tokens, i * size)
    tensors.identities = { dtype: 'F32', shape: [identities.length, ...identityShape], data }
  }
  return encodeSafetensors('bank', tensors, { format: 'fableframe-bank', bank: JSON.stringify(header) })
}

/** Throws `BankError` for what is no bank, or one that contradicts itself. */
export function readBank(bytes: Uint8Array): Bank {
  const file = checked(() => parseSafetensors('bank', bytes))
  const header = bankHeaderOf(file.metadata)
  const tensor = (name: string, dtype: string, dimensions: number) => {
    const info = file.tensors.get(name)
    if (info?.dtype !== dtype || info.shape.length !== dimensions || info.shape.includes(0))
      throw new BankError(`'${name}' is ${info ? `${info.dtype} [${info.shape}]` : 'missing'}; ${dtype} is expected`)
    const values = checked(() => file.read(name))
    if (!values.every(Number.isFinite)) throw new BankError(`'${name}' has values that are no numbers`)
    return { shape: info.shape, values }
  }
  let latentShape: readonly [number, number, number] = [0, 0, 0]
  const latents = header.anchors.map((_, i) => {
    const { shape, values } = tensor(`anchors.${i}.latent`, 'F16', 3)
    if (i > 0 && String(shape) !== String(latentShape))
      throw new BankError(`its latents have the shapes [${latentShape}] and [${shape}]`)
    latentShape = shape as [number, number, number]
    return values
  })
  const [, height, width] = latentShape
  const masks = header.anchors.map(({ prompt }, i): CharacterMasks => {
    const { shape, values } = tensor(`anchors.${i}.masks`, 'U8', 3)
    const expected = [header.cast.length, height, width]
    if (String(shape) !== String(expected)) throw new BankError(`its masks ${i} are [${shape}], not [${expected}]`)
    if (values.some((bit) => bit > 1)) throw new BankError(`its masks ${i} hold more than 0 and 1`)
    return header.cast.map(({ id }, c) =>
      prompt.some(({ character }) => character === id)
        ? Uint8Array.from(values.subarray(c * height * width, (c + 1) * height * width))
        : null,
    )
  })
  const { identities, identityShape } = readIdentities()
  for (const { id, identity } of header.cast)
    for (const place of [identity?.whole ?? [], ...(identity?.regions ?? [])].flat())
      if (place >= identities.length)
        throw new BankError(`character ${id} names the identity ${place}, which is missing`)
  return { header, latents, latentShape, masks, identities, identityShape }

  function readIdentities(): Pick<Bank, 'identities' | 'identityShape'> {
    if (!file.tensors.has('identities')) return { identities: [], identityShape: [0, 0] }
    const { shape, values } = tensor('identities', 'F32', 3)
    const [count, t, x] = shape as [number, number, number]
    const each = Array.from({ length: count }, (_, i) => values.slice(i * t * x, (i + 1) * t * x))
    return { identities: each, identityShape: [t, x] }
  }
}

/** Latents as the bank keeps them. */
export const asKept = (latent: Float32Array): Float32Array => fromHalf(toHalf(latent))

function checked<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof SafetensorsError ? new BankError(error.message, { cause: error }) : error
  }
}
