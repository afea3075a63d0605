/** Element-wise ops with numpy broadcasting. The reverse walk sums over broadcast axes, so that no op here has to. */
import { type DType, elementType, node, type Shape, scalar, type Value } from './value.ts'

export function add(a: Value, b: Value): Value {
  return node('Add', [a, b], { shape: broadcast(a.shape, b.shape, 'add'), grad: (dy) => [dy, dy] })
}

export function sub(a: Value, b: Value): Value {
  return node('Sub', [a, b], { shape: broadcast(a.shape, b.shape, 'sub'), grad: (dy) => [dy, neg(dy)] })
}

export function mul(a: Value, b: Value): Value {
  return node('Mul', [a, b], { shape: broadcast(a.shape, b.shape, 'mul'), grad: (dy) => [mul(dy, b), mul(dy, a)] })
}

export function div(a: Value, b: Value): Value {
  return node('Div', [a, b], {
    shape: broadcast(a.shape, b.shape, 'div'),
    grad: (dy, y) => [div(dy, b), neg(div(mul(dy, y), b))],
  })
}

export function scale(x: Value, factor: number): Value {
  return factor === 1 ? x : mul(x, scalar(factor))
}

export function offset(x: Value, by: number): Value {
  return add(x, scalar(by))
}

export function neg(x: Value): Value {
  return node('Neg', [x], { shape: x.shape, grad: (dy) => [neg(dy)] })
}

export function square(x: Value): Value {
  return mul(x, x)
}

export function sqrt(x: Value): Value {
  return node('Sqrt', [x], { shape: x.shape, grad: (dy, y) => [scale(div(dy, y), 0.5)] })
}

export function exp(x: Value): Value {
  return node('Exp', [x], { shape: x.shape, grad: (dy, y) => [mul(dy, y)] })
}

export function log(x: Value): Value {
  return node('Log', [x], { shape: x.shape, grad: (dy) => [div(dy, x)] })
}

export function sin(x: Value): Value {
  return node('Sin', [x], { shape: x.shape, grad: (dy) => [mul(dy, cos(x))] })
}

export function cos(x: Value): Value {
  return node('Cos', [x], { shape: x.shape, grad: (dy) => [neg(mul(dy, sin(x)))] })
}

/** |x|; its gradient at 0 is 0. */
export function abs(x: Value): Value {
  return node('Abs', [x], { shape: x.shape, grad: (dy) => [mul(dy, node('Sign', [x], { shape: x.shape }))] })
}

/** x held between two bounds; no gradient flows where it was cut. */
export function clip(x: Value, low: number, high: number): Value {
  const grad = (dy: Value) => {
    const above = node('Greater', [x, scalar(low)], { shape: x.shape, dtype: 'bool' })
    const below = node('Less', [x, scalar(high)], { shape: x.shape, dtype: 'bool' })
    return [mul(dy, cast(node('And', [above, below], { shape: x.shape }), 'float32')), null, null]
  }
  return node('Clip', [x, scalar(low), scalar(high)], { shape: x.shape, grad })
}

export function cast(x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x
  const back = x.dtype
  const grad = (dy: Value) => [cast(dy, back)]
  return node('Cast', [x], { shape: x.shape, dtype, attrs: { to: elementType[dtype] }, grad })
}

/** x itself, but a constant as far as gradients go. */
export function detach(x: Value): Value {
  return node('Identity', [x], { shape: x.shape })
}

/** The shape two operands share after broadcasting; a named dimension goes with itself or with 1. */
export function broadcast(a: Shape, b: Shape, what: string): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1
    const y = b[i - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`${what}: [${a}] and [${b}] do not broadcast`)
    return x === 1 ? y : x
  })
}
