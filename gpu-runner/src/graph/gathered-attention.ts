/** Attention whose keys and values are gathered from the whole batch: the kernel under shared attention. */
import { reshape } from './shape.ts'
import { type Dim, dims3, node, product, type Value } from './value.ts'

/**
 * As `attention`, but row b attends to the pixels `index[b, 0 … length[b]-1]` of the batch, counted over all rows.
 * q, k, v[B,S,D]; index[B,L] int64; length[B] int32. Rows of different lengths cost no mask of S×L: the kernel takes the
 * lengths as they are. For sampling only, it has no gradient.
 */
export function gatheredAttention(q: Value, k: Value, v: Value, heads: number, index: Value, length: Value): Value {
  const [b, s, d] = dims3(q)
  const [, l] = index.shape as [Dim, Dim]
  const gather = (x: Value) => {
    const flat = reshape(x, [product([b, s]), d])
    return node('Gather', [flat, index], { shape: [b, l, d], attrs: { axis: 0 } })
  }
  return node('MultiHeadAttention', [q, gather(k), gather(v), null, length], {
    domain: 'com.microsoft',
    shape: q.shape,
    attrs: { num_heads: heads },
  })
}
