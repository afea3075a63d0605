/** Sums and means over axes; reduced dimensions stay, with size 1. */
import { add, mul, scale, square } from './arithmetic.ts'
import { shapeOf } from './shape.ts'
import { int64, known, node, type Shape, type Value } from './value.ts'

export function sum(x: Value, axes: readonly number[] = allAxes(x)): Value {
  return node('ReduceSum', [x, int64(...axes)], {
    shape: kept(x.shape, axes),
    attrs: { keepdims: 1 },
    grad: (dy) => [expandLike(dy, x), null],
  })
}

export function mean(x: Value, axes: readonly number[] = allAxes(x)): Value {
  return node('ReduceMean', [x, int64(...axes)], {
    shape: kept(x.shape, axes),
    attrs: { keepdims: 1 },
    grad: (dy) => [expandLike(scale(dy, 1 / count(x.shape, axes)), x), null],
  })
}

/** Mean of x² over `axes`. */
export function meanSquare(x: Value, axes?: readonly number[]): Value {
  return mean(square(x), axes)
}

/** The largest element over `axes`; a constant as far as gradients go. */
export function largest(x: Value, axes: readonly number[]): Value {
  return node('ReduceMax', [x, int64(...axes)], { shape: kept(x.shape, axes), attrs: { keepdims: 1 } })
}

/** The smallest element over `axes`; a constant as far as gradients go. */
export function smallest(x: Value, axes: readonly number[]): Value {
  return node('ReduceMin', [x, int64(...axes)], { shape: kept(x.shape, axes), attrs: { keepdims: 1 } })
}

/** Sum of equal-shaped terms. */
export function total(terms: readonly Value[]): Value {
  const [first, ...rest] = terms
  if (!first) throw new RangeError('total: no terms')
  return rest.reduce(add, first)
}

/** Log of the sum of exponentials over the last axis, safe against overflow. */
export function logSumExp(x: Value): Value {
  const axis = x.shape.length - 1
  return node('ReduceLogSumExp', [x, int64(axis)], {
    shape: kept(x.shape, [axis]),
    attrs: { keepdims: 1 },
    grad: (dy) => [mul(dy, node('Softmax', [x], { shape: x.shape, attrs: { axis: -1 } })), null],
  })
}

/** x spread to the shape of `like`, which it broadcasts to. */
export function expandLike(x: Value, like: Value): Value {
  const axes = like.shape.flatMap((dim, i) => (x.shape[i] === dim ? [] : [i]))
  if (axes.length === 0) return x
  return node('Expand', [x, shapeOf(like)], { shape: like.shape, grad: (dy) => [sum(dy, axes), null] })
}

function kept(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
}

function count(shape: Shape, axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * known(shape[axis], 'mean: a reduced dimension with a gradient'), 1)
}

function allAxes(x: Value): number[] {
  return x.shape.map((_, i) => i)
}
