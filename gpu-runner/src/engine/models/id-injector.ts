/**
 * The ID-Injector: identity tokens reach the pixels of one character, or of one part of it, and no others. The layers
 * are IP-Adapter's, under its names; what differs is that every row of a batch has its own characters and references.
 */
import { add, mul } from '../graph/arithmetic.ts'
import { attend, mergeHeads, splitHeads } from '../graph/attention.ts'
import { matmul } from '../graph/matmul.ts'
import { reshape } from '../graph/shape.ts'
import { type Dim, dims3, known, product, type Value } from '../graph/value.ts'
import { linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'
import { layerName } from './attention-maps.ts'
import { crossAttentionLayers } from './ip-adapter.ts'
import type { AttentionCall, AttentionHooks } from './transformer-block.ts'
import type { UNetConfig } from './unet-config.ts'

/**
 * Places where an identity goes: slot p is a region of one row of the batch, and has up to K references. Assignments are
 * one-hot matrices, so that gathering and its gradient are matrix products. All sizes may be named ones.
 */
export interface IdentitySlots {
  /** [P,N]: the row of each slot; zeros for a slot that is not used. */
  readonly rows: Value
  /** [P·K,R]: the references of each slot. */
  readonly references: Value
  /** [P,1,1,K·T], added to scores: 0 for tokens of references that a slot has, far below 0 for the rest. */
  readonly tokenBias: Value
  /** For a layer the region of each slot, [P,S,1] in 0 … 1. */
  readonly masks: (call: AttentionCall) => Value
}

/** A hook that adds to every cross-attention the attention to the references' tokens[R,T,X] at their slots. */
export function withIdentities(
  tokens: Value,
  slots: IdentitySlots,
  w: Weights,
  config: UNetConfig,
  inner: NonNullable<AttentionHooks['cross']>,
): NonNullable<AttentionHooks['cross']> {
  const order = crossAttentionLayers(config)
  return (call) => {
    const place = order.indexOf(layerName(call))
    if (place < 0) throw new RangeError(`id-injector: no layer '${layerName(call)}' among the ${order.length} known`)
    return add(inner(call), injected(call, tokens, slots, w.at('ip_adapter').at(2 * place + 1)))
  }
}

/** Σ over slots of mask ⊙ softmax(q kᵀ / √d) v, [N,S,D]. */
function injected(call: AttentionCall, tokens: Value, slots: IdentitySlots, w: Weights): Value {
  const { q, heads } = call
  const [n, s, d] = dims3(q)
  const [p] = slots.rows.shape as [Dim, Dim]
  const [r] = dims3(tokens)
  const [, t] = dims3(tokens)
  const [count, width] = [known(t, 'id-injector: tokens'), known(d, 'id-injector: channels')]
  const keys = slots.tokenBias.shape[3]!
  // Projected once for each reference, however many slots it goes to.
  const perSlot = (name: string) => {
    const all = linear(tokens, w.at(name), width, { bias: false })
    return reshape(matmul(slots.references, reshape(all, [r, count * width])), [p, keys, width], slots.tokenBias)
  }
  const flat = product([s, width])
  const queries = reshape(matmul(slots.rows, reshape(q, [n, flat])), [p, s, width], q)
  const [qh, kh, vh] = [queries, perSlot('to_k_ip'), perSlot('to_v_ip')].map((x) => splitHeads(x, heads)) as [
    Value,
    Value,
    Value,
  ]
  const scores = matmul(qh, kh, { transB: true, alpha: 1 / Math.sqrt(width / heads) })
  const answer = mul(mergeHeads(attend(add(scores, slots.tokenBias), vh)), slots.masks(call))
  return reshape(matmul(slots.rows, reshape(answer, [p, flat]), { transA: true }), [n, s, width], q)
}
