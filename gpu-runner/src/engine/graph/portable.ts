/** Forms of ops that every provider computes right, in place of a kernel that is missing or wrong. */
import { softmax } from './activation.ts'
import { add, cast, div, mul, offset, scale, sqrt, square, sub } from './arithmetic.ts'
import { mergeHeads } from './attention.ts'
import { matmul, swapLast } from './matmul.ts'
import { mean } from './reduce.ts'
import { reshape, transpose } from './shape.ts'
import { known, type Node, node, type Value } from './value.ts'

/** Of com.microsoft MultiHeadAttention over q, k, v and a bias of the scores. The scores are held in memory. */
export function portableAttention(made: Node): Value {
  const [q, k, v] = operands(made, 3) as [Value, Value, Value]
  const [, , , projectionBias, padding, bias] = made.inputs
  const heads = made.attrs.num_heads
  if (typeof heads !== 'number' || projectionBias || padding)
    throw new TypeError('MultiHeadAttention: its portable form knows heads and a bias of the scores, and no more')
  const width = (x: Value) => known(x.shape[2], 'attention: width')
  // The batch may be named in one operand and a number in another.
  const split = (x: Value) => transpose(reshape(x, [q.shape[0]!, x.shape[1]!, heads, width(x) / heads]), [0, 2, 1, 3])
  const scores = matmul(scale(split(q), 1 / Math.sqrt(width(q) / heads)), swapLast(split(k)))
  return mergeHeads(matmul(softmax(bias ? add(scores, bias) : scores), split(v)))
}

/** Of com.microsoft FusedMatMul. A transposed weight is folded when the session is opened, at the price of its copy. */
export function portableMatmul(made: Node): Value {
  const [a, b] = operands(made, 2) as [Value, Value]
  const { transA, transB } = made.attrs
  return scale(matmul(transA ? swapLast(a) : a, transB ? swapLast(b) : b), float(made, 'alpha'))
}

/** Of InstanceNormalization over x[N,G,M], by the variance of centred values, in which nothing cancels. */
export function portableInstanceNorm(made: Node): Value {
  const [x, gamma, beta] = operands(made, 3) as [Value, Value, Value]
  const centred = sub(x, mean(x, [2]))
  const normal = div(centred, sqrt(offset(mean(square(centred), [2]), float(made, 'epsilon'))))
  const perGroup = (v: Value) => reshape(v, [v.shape[0]!, 1])
  return add(mul(normal, perGroup(gamma)), perGroup(beta))
}

/** Of LayerNormalization over the last axis, in a kernel that takes the variance for E[x²] − E[x]²: x centred first. */
export function centredLayerNorm(made: Node): Value {
  const [x, ...weights] = operands(made, 3) as [Value, Value, Value]
  const centred = sub(x, mean(x, [x.shape.length - 1]))
  return node('LayerNormalization', [centred, ...weights], { shape: x.shape, attrs: { ...made.attrs } })
}

/** Of Sin and Cos, in float64: only the host has kernels for it, and none of a GPU's liberties. */
export function exactAngle(made: Node): Value {
  const [x] = operands(made, 1) as [Value]
  return cast(node(made.op, [cast(x, 'float64')], { shape: x.shape }), x.dtype)
}

function operands({ op, inputs }: Node, count: number): Value[] {
  const values = inputs.slice(0, count).filter((x) => x !== null)
  if (values.length < count) throw new TypeError(`${op}: ${count} operands are needed, not ${values.length}`)
  return values
}

function float({ op, attrs }: Node, name: string): number {
  const value = attrs[name]
  if (typeof value !== 'object' || !('float' in value)) throw new TypeError(`${op}: no '${name}' is given`)
  return value.float
}
