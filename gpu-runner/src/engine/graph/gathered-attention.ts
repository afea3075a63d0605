/** Attention whose keys and values are gathered from the whole batch: the kernel under shared attention. */
import { scale } from './arithmetic.ts'
import { reshape } from './shape.ts'
import { type Dim, dims3, int64, known, node, product, type Value } from './value.ts'

/**
 * C, classes of queries that a key can be masked for: channels that every head of queries and keys gets in addition to
 * its own. A multiple of 8, as the fast kernels want it.
 */
export const queryClasses = 8

/** The score of a masked key before it is divided by the root of the head's width; float16 still holds it. */
const maskedScore = -3e4

/** For [B,L] keys and [B,S] queries. */
export interface GatheredKeys {
  /** [B,L] int64: pixels of the batch, counted over all rows. */
  readonly index: Value
  /** [B,S,C]: 1 for each class that a query is of, else 0. */
  readonly queryClass: Value
  /** [B,L,C]: 1 for each class of queries that the key is masked for, else 0. */
  readonly keyMask: Value
}

/**
 * As `attention`, but row b attends to the pixels `index[b]` of the batch, less those that are masked for one of the
 * classes of a query: their weight is exactly 0. q, k, v[B,S,D].
 *
 * A class is one more channel, in which query and key meet with a score that no other can outweigh. A bias or lengths
 * would do the same, but only in the kernel that holds all S×L scores of all heads in memory. It has no gradient, and is
 * for sampling only.
 */
export function gatheredAttention(q: Value, k: Value, v: Value, heads: number, keys: GatheredKeys): Value {
  const [b, s, d] = dims3(q)
  const { index, queryClass, keyMask } = keys
  const [, l] = index.shape as [Dim, Dim]
  const own = known(d, 'gatheredAttention: width') / heads
  const gathered = (x: Value) =>
    node('Gather', [reshape(x, [product([b, s]), d]), index], { shape: [b, l, d], attrs: { axis: 0 } })
  // The kernel divides by the root of what it takes for the width of a head.
  const queries = widened(scale(q, Math.sqrt((own + queryClasses) / own)), heads, queryClass)
  return node('MultiHeadAttention', [queries, widened(gathered(k), heads, scale(keyMask, maskedScore)), gathered(v)], {
    domain: 'com.microsoft',
    shape: q.shape,
    attrs: { num_heads: heads },
  })
}

/** x[B,S,D] with `more`[B,S,C] after the channels of each head. */
function widened(x: Value, heads: number, more: Value): Value {
  const [b, s, d] = dims3(x)
  const own = known(d, 'gatheredAttention: width') / heads
  const wide = own + queryClasses
  const ofEach = node('Expand', [reshape(more, [...more.shape.slice(0, 2), 1, queryClasses]), int64(1, 1, heads, 1)], {
    shape: [b, s, heads, queryClasses],
  })
  const joined = node('Concat', [reshape(x, [b, s, heads, own]), ofEach], {
    shape: [b, s, heads, wide],
    attrs: { axis: 3 },
  })
  return reshape(joined, [b, s, heads * wide])
}
