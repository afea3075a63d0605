/** IP-Adapters as inputs of a UNet graph: their weights, tokens, scales and masks. */
import { input } from '../graph/value.ts'
import { openSafetensors } from '../io/safetensors.ts'
import { type Adapter, adapterConfig, imageTokens } from '../models/ip-adapter.ts'
import { storedWeights } from '../runtime/model-weights.ts'
import type { HostTensor } from '../runtime/tensor.ts'

export interface PictureAdapter {
  readonly file: string
  /** Of the embeddings of one row: [I,E], or [I,S,E] of a Resampler, for I pictures. */
  readonly embedShape: readonly number[]
  /** One for all pictures, or with masks one for each. */
  readonly scale: number | readonly number[]
  /** [1,I,H,W], where each picture counts. They bind the graph to one size of latent. */
  readonly masks?: HostTensor | undefined
}

/** Adapters in one graph under a session's folder `root`, and what they are fed besides each row's embeddings. */
export function adapterInputs(given: readonly PictureAdapter[], root: string) {
  const feeds: Record<string, HostTensor> = {}
  const adapters = given.map(({ file, embedShape, scale, masks }, i): Adapter => {
    const checkpoint = openSafetensors(file)
    const weights = storedWeights(checkpoint, root, `adapter${i}.`)
    const scales = Float32Array.from([scale].flat())
    feeds[`scale${i}`] = { data: scales, shape: [scales.length] }
    if (masks) feeds[`masks${i}`] = masks
    const embeds = input(embedsName(i), ['batch', ...embedShape])
    return {
      weights,
      tokens: imageTokens(embeds, weights, adapterConfig(checkpoint.tensors)),
      scale: input(`scale${i}`, [scales.length]),
      ...(masks && { masks: input(`masks${i}`, masks.shape) }),
    }
  })
  return { adapters, feeds }
}

export const embedsName = (adapter: number) => `embeds${adapter}`
