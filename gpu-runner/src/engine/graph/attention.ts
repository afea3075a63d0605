/** Scaled dot-product attention over packed heads. */
import { softmax, softmaxGrad } from './activation.ts'
import { add, mul, sub } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { mean, sum } from './reduce.ts'
import { reshape, transpose } from './shape.ts'
import { type Dim, dims3, dims4, known, node, product, type Value } from './value.ts'

/**
 * softmax(q kᵀ / √d + bias) v for q[B,S,D], k[B,T,D], v[B,T,D] of `heads` heads side by side in D; bias[1 or B, 1 or
 * heads, S, T] is added to the scores. One fused kernel, whose gradient recomputes the probabilities.
 */
export function attention(q: Value, k: Value, v: Value, heads: number, bias: Value | null = null): Value {
  const [, , d] = dims3(q)
  const inverseRoot = 1 / Math.sqrt(known(d, 'attention: width') / heads)
  return node('MultiHeadAttention', [q, k, v, null, null, bias], {
    domain: 'com.microsoft',
    shape: q.shape,
    attrs: { num_heads: heads },
    grad: (dy) => {
      const [qh, kh, vh, dh] = [q, k, v, dy].map((x) => splitHeads(x, heads)) as [Value, Value, Value, Value]
      const scores = matmul(qh, kh, { transB: true, alpha: inverseRoot })
      const p = softmax(bias ? add(scores, bias) : scores)
      const ds = softmaxGrad(matmul(dh, vh, { transB: true }), p)
      return [
        mergeHeads(matmul(ds, kh, { alpha: inverseRoot })),
        mergeHeads(matmul(ds, qh, { transA: true, alpha: inverseRoot })),
        mergeHeads(matmul(p, dh, { transA: true })),
        null,
        null,
        bias ? ds : null,
      ]
    },
  })
}

/** The probabilities softmax(q kᵀ / √d + bias), [B,heads,S,T], for q[B,S,D] and k[B,T,D]. */
export function attentionProbabilities(q: Value, k: Value, heads: number, bias: Value | null = null): Value {
  const alpha = 1 / Math.sqrt(known(q.shape[2], 'attention: width') / heads)
  const scores = matmul(splitHeads(q, heads), splitHeads(k, heads), { transB: true, alpha })
  return softmax(bias ? add(scores, bias) : scores)
}

/**
 * softmax(scores) v for scores[…,S,T] and v[…,T,d]. Its gradient is shorter than that of the two ops: Σ p·dp of a row
 * equals Σ dy·y (Dao et al. 2022), which is d numbers instead of T.
 */
export function attend(scores: Value, v: Value): Value {
  const last = scores.shape.length - 1
  // Private to this op, for what comes back is already centred.
  const p = node('Softmax', [scores], { shape: scores.shape, attrs: { axis: -1 }, grad: (dp, y) => [mul(dp, y)] })
  return node('MatMul', [p, v], {
    shape: [...scores.shape.slice(0, -1), v.shape.at(-1)!],
    grad: (dy, y) => [sub(matmul(dy, v, { transB: true }), sum(mul(dy, y), [last])), matmul(p, dy, { transA: true })],
  })
}

/** What is added to the scores of each group of keys, [B,1,S,G] → of each key, [B,1,S,T], by the group of it, int64[T]. */
export function groupBias(added: Value, groupOf: Value): Value {
  const [b, one, s] = added.shape as [Dim, Dim, Dim, Dim]
  return node('Gather', [added, groupOf], { shape: [b, one, s, product(groupOf.shape)], attrs: { axis: 3 } })
}

/** p[B,H,S,T] → its mean over heads, [B,S,T]. */
export function headMean(p: Value): Value {
  const [b, , s, t] = dims4(p)
  return reshape(mean(p, [1]), [b, s, t])
}

/** x[B,S,D] → [B,heads,S,D/heads]. */
export function splitHeads(x: Value, heads: number): Value {
  const [b, s, d] = dims3(x)
  return transpose(reshape(x, [b, s, heads, known(d, 'attention: width') / heads]), [0, 2, 1, 3])
}

/** x[B,H,S,d] → [B,S,H·d]. */
export function mergeHeads(x: Value): Value {
  const [b, h, s, d] = x.shape
  return reshape(transpose(x, [0, 2, 1, 3]), [b!, s!, known(h, 'heads') * known(d, 'head width')])
}
