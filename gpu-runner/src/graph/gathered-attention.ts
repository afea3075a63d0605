/** Attention whose keys and values are gathered from the whole batch: the kernel under shared attention. */
import { scale } from './arithmetic.ts'
import { reshape } from './shape.ts'
import { constant, type Dim, dims3, int64, known, node, product, scalar, type Value } from './value.ts'

/**
 * Channels that every head of the keys gets beside its own, the first of them to tell padding apart; a multiple of 8, as
 * the fast kernels want it.
 */
const extra = 8

/** The score of padding before it is divided by the root of the head's width; float16 still holds it. */
const hidden = -3e4

/**
 * As `attention`, but row b attends to the pixels `index[b]` of the batch, counted over all rows; an index of B·S, one
 * past the last pixel, is padding that nobody sees. q, k, v[B,S,D]; index[B,L] int64.
 *
 * Padding is a key of its own whose extra channel meets a 1 in every query. A mask or lengths would say the same, and
 * take the kernel that holds all S×L scores of all heads in memory. For sampling only, it has no gradient.
 */
export function gatheredAttention(q: Value, k: Value, v: Value, heads: number, index: Value): Value {
  const [b, s, d] = dims3(q)
  const [, l] = index.shape as [Dim, Dim]
  const width = known(d, 'gatheredAttention: width')
  const own = width / heads
  const wide = heads * (own + extra)
  const gathered = (x: Value, padding: Float32Array) => {
    const size = padding.length
    const flat = reshape(x, [product([b, s]), size])
    const table = node('Concat', [flat, constant(padding, [1, size])], { shape: ['pixels', size], attrs: { axis: 0 } })
    return node('Gather', [table, index], { shape: [b, l, size], attrs: { axis: 0 } })
  }
  const padding = Float32Array.from({ length: wide }, (_, i) => (i % (own + extra) === own ? hidden : 0))
  // The kernel divides by the root of what it takes for the width of a head.
  const queries = widened(scale(q, Math.sqrt((own + extra) / own)), heads, 1)
  const keys = gathered(widened(k, heads, 0), padding)
  return node('MultiHeadAttention', [queries, keys, gathered(v, new Float32Array(width))], {
    domain: 'com.microsoft',
    shape: q.shape,
    attrs: { num_heads: heads },
  })
}

/** x[B,S,D] with `extra` channels of `value` after those of each head. */
function widened(x: Value, heads: number, value: number): Value {
  const [b, s, d] = dims3(x)
  const own = known(d, 'gatheredAttention: width') / heads
  const split = reshape(x, [b, s, heads, own])
  const padded = node('Pad', [split, int64(0, extra), scalar(value), int64(3)], { shape: [b, s, heads, own + extra] })
  return reshape(padded, [b, s, heads * (own + extra)])
}
