/** Non-linear functions of single elements, and softmax. */
import { add, exp, mul, neg, offset, scale, square, sub } from './arithmetic.ts'
import { sum } from './reduce.ts'
import { slice } from './shape.ts'
import { known, node, scalar, type Value } from './value.ts'

export function sigmoid(x: Value): Value {
  return node('Sigmoid', [x], { shape: x.shape, grad: (dy, y) => [mul(dy, mul(y, sub(scalar(1), y)))] })
}

export function silu(x: Value): Value {
  const s = sigmoid(x)
  // d/dx x·s(x) = s + y·(1 − s)
  const grad = (dy: Value, y: Value) => [mul(dy, add(s, mul(y, sub(scalar(1), s)))), null]
  return node('Mul', [x, s], { shape: x.shape, grad })
}

/** x·σ(1.702x), the activation of the first CLIP models. */
export function quickGelu(x: Value): Value {
  return mul(x, sigmoid(scale(x, 1.702)))
}

/** x·Φ(x), exact. */
export function gelu(x: Value): Value {
  return node('Gelu', [x], {
    shape: x.shape,
    grad: (dy) => {
      const cdf = scale(offset(node('Erf', [scale(x, Math.SQRT1_2)], { shape: x.shape }), 1), 0.5)
      const density = scale(exp(scale(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return [mul(dy, add(cdf, mul(x, density)))]
    },
  })
}

/** First half of the last axis times GELU of the second. */
export function geglu(x: Value): Value {
  const axis = x.shape.length - 1
  const size = known(x.shape[axis], 'geglu: the last dimension')
  return mul(slice(x, axis, 0, size / 2), gelu(slice(x, axis, size / 2, size)))
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return node('Softmax', [x], { shape: x.shape, attrs: { axis: -1 }, grad: (dy, y) => [softmaxGrad(dy, y)] })
}

/** dx = y·(dy − Σ dy·y) */
export function softmaxGrad(dy: Value, y: Value): Value {
  const inner = mul(dy, y)
  return sub(inner, mul(y, sum(inner, [y.shape.length - 1])))
}

export function relu(x: Value): Value {
  const sign = (y: Value) => node('Sign', [y], { shape: y.shape })
  return node('Relu', [x], { shape: x.shape, grad: (dy, y) => [mul(dy, sign(y))] })
}

export function tanh(x: Value): Value {
  return node('Tanh', [x], { shape: x.shape, grad: (dy, y) => [mul(dy, offset(neg(square(y)), 1))] })
}

/** log(1 + eˣ) */
export function softplus(x: Value): Value {
  return node('Softplus', [x], { shape: x.shape, grad: (dy) => [mul(dy, sigmoid(x))] })
}
