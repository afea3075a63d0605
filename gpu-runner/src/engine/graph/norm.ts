/** Layer and group normalisation. */
import { add, mul, sub } from './arithmetic.ts'
import { rows } from './matmul.ts'
import { mean, sum } from './reduce.ts'
import { reshape } from './shape.ts'
import { constant, dims4, known, node, output, product, type Value } from './value.ts'

/** Normalise the last axis of x[…,C], then gamma[C]·x̂ + beta[C]. */
export function layerNorm(x: Value, gamma: Value, beta: Value, epsilon = 1e-5): Value {
  const axis = x.shape.length - 1
  const reduced = [...x.shape.slice(0, -1), 1]
  return node('LayerNormalization', [x, gamma, beta], {
    shape: x.shape,
    attrs: { axis: -1, epsilon: { float: epsilon } },
    more: [reduced, reduced],
    grad: (dy, y) => {
      const [mu, invStd] = [output(y, 1), output(y, 2)]
      const normal = mul(sub(x, mu), invStd)
      return [
        normalGrad(mul(dy, gamma), normal, invStd, [axis]),
        reshape(sum(rows(mul(dy, normal)), [0]), gamma.shape),
        reshape(sum(rows(dy), [0]), beta.shape),
      ]
    },
  })
}

/** Normalise groups of channels of x[N,C,H,W] over their pixels, then gamma[C]·x̂ + beta[C]. */
export function groupNorm(x: Value, gamma: Value, beta: Value, groups: number, epsilon: number): Value {
  const [n, channels, h, w] = dims4(x)
  const c = known(channels, 'groupNorm: channels')
  if (c % groups) throw new RangeError(`groupNorm: ${c} channels in ${groups} groups`)
  const perChannel = (v: Value) => reshape(v, [c, 1, 1])
  const normal = instanceNorm(reshape(x, [n, groups, product([c / groups, h, w])]), groups, epsilon)
  return add(mul(reshape(normal, x.shape, x), perChannel(gamma)), perChannel(beta))
}

/** Zero mean and unit variance over the last axis of x[N,G,M]. */
function instanceNorm(x: Value, groups: number, epsilon: number): Value {
  const [ones, zeros] = [constant(new Float32Array(groups).fill(1)), constant(new Float32Array(groups))]
  return node('InstanceNormalization', [x, ones, zeros], {
    shape: x.shape,
    attrs: { epsilon: { float: epsilon } },
    grad: (dy, y) => {
      const centred = mean(mul(x, x), [2])
      const mu = mean(x, [2])
      const variance = sub(centred, mul(mu, mu))
      const guarded = add(variance, constant(Float32Array.of(epsilon), []))
      const invStd = node('Reciprocal', [node('Sqrt', [guarded], { shape: guarded.shape })], { shape: guarded.shape })
      return [normalGrad(dy, y, invStd, [2]), null, null]
    },
  })
}

/** dx = (dy − mean(dy) − x̂·mean(dy·x̂)) / σ */
function normalGrad(dy: Value, normal: Value, invStd: Value, axes: number[]): Value {
  const shifted = sub(dy, mean(dy, axes))
  return mul(sub(shifted, mul(normal, mean(mul(dy, normal), axes))), invStd)
}
