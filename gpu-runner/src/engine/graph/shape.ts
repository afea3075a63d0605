/** Ops that move elements without changing them. */
import { type Dim, dims3, dims4, int64, known, node, product, type Shape, type Value } from './value.ts'

/**
 * x with another shape of equal size. A named dimension is taken from the same place of `x`, is the one left over, or
 * is read at run time from `like`, a value that has a dimension of that name.
 */
export function reshape(x: Value, shape: Shape, like?: Value): Value {
  const grad = (dy: Value) => [reshape(dy, x.shape, x), null]
  const left = shape.filter((dim, i) => typeof dim === 'string' && dim !== x.shape[i])
  if (left.length <= 1) {
    const codes = shape.map((dim, i) => (typeof dim === 'number' ? dim : dim === x.shape[i] ? 0 : -1))
    return node('Reshape', [x, int64(...codes)], { shape, grad })
  }
  const parts = shape.map((dim) => (typeof dim === 'number' ? int64(dim) : dimension(dim, like ? [like, x] : [x])))
  return node('Reshape', [x, node('Concat', parts, { shape: [shape.length], attrs: { axis: 0 } })], { shape, grad })
}

/** The named dimension as an int64[1], read from the first of `values` that has it. */
function dimension(name: string, values: Value[]): Value {
  for (const value of values) {
    const axis = value.shape.indexOf(name)
    if (axis >= 0) return node('Shape', [value], { shape: [1], dtype: 'int64', attrs: { start: axis, end: axis + 1 } })
  }
  throw new RangeError(`reshape: no value at hand has a dimension '${name}'`)
}

/** The run-time shape of x from axis `start` to before `end`, int64[end − start]. */
export function shapeOf(x: Value, start = 0, end = x.shape.length): Value {
  return node('Shape', [x], { shape: [end - start], dtype: 'int64', attrs: { start, end } })
}

export function transpose(x: Value, perm: readonly number[]): Value {
  const inverse = perm.map((_, axis) => perm.indexOf(axis))
  return node('Transpose', [x], {
    shape: perm.map((axis) => x.shape[axis]!),
    attrs: { perm },
    grad: (dy) => [transpose(dy, inverse)],
  })
}

/** x[N,C,H,W] → [N,H·W,C]. */
export function toTokens(x: Value): Value {
  const [n, c, h, w] = dims4(x)
  return transpose(reshape(x, [n, c, product([h, w])]), [0, 2, 1])
}

/** x[N,H·W,C] → [N,C,H,W], with height and width of `like`[N,·,H,W]. */
export function toImage(x: Value, like: Value): Value {
  const [n, , c] = dims3(x)
  const [, , h, w] = dims4(like)
  return reshape(transpose(x, [0, 2, 1]), [n, c, h, w], like)
}

export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values
  if (!first) throw new RangeError('concat: nothing to join')
  const sizes = values.map((value) => known(value.shape[axis], 'concat: the joined dimension'))
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0))
  return node('Concat', values, {
    shape: first.shape.map((dim, i) => (i === axis ? sizes.reduce((a, b) => a + b, 0) : dim)),
    attrs: { axis },
    grad: (dy) => sizes.map((size, i) => slice(dy, axis, starts[i]!, starts[i]! + size)),
  })
}

/** Elements `start` to before `end` of one axis of known size. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const size = known(x.shape[axis], 'slice: the cut dimension')
  if (start < 0 || end > size || start >= end) throw new RangeError(`slice: ${start}..${end} of ${size}`)
  return node('Slice', [x, int64(start), int64(end), int64(axis)], {
    shape: x.shape.map((dim, i) => (i === axis ? end - start : dim)),
    grad: (dy) => [pad(dy, axis, start, size - end)],
  })
}

/** Zeros before and after, along one axis. */
export function pad(x: Value, axis: number, before: number, after: number): Value {
  const size = known(x.shape[axis], 'pad: the padded dimension')
  return node('Pad', [x, padsOf(x, [[axis, before, after]])], {
    shape: x.shape.map((dim, i) => (i === axis ? size + before + after : dim)),
    grad: (dy) => [slice(dy, axis, before, before + size)],
  })
}

/** Zeros around height and width of x[N,C,H,W]: [top, left, bottom, right]. */
export function pad2d(x: Value, pads: readonly [number, number, number, number]): Value {
  const [top, left, bottom, right] = pads
  const [n, c, h, w] = dims4(x)
  const pads2d = padsOf(x, [
    [2, top, bottom],
    [3, left, right],
  ])
  return node('Pad', [x, pads2d], {
    shape: [n, c, grown(h, top + bottom), grown(w, left + right)],
    grad: (dy) => [slice(slice(dy, 2, top, known(h, 'pad2d: height') + top), 3, left, known(w, 'pad2d: width') + left)],
  })
}

/**
 * Pads of all axes. `Pad` could name its axes, but where a provider wants channels last, onnxruntime 1.30 moves the pads
 * of such a node as if there were one pair for every axis.
 */
function padsOf(x: Value, pads: readonly (readonly [axis: number, before: number, after: number])[]): Value {
  const rank = x.shape.length
  const all = new Array<number>(2 * rank).fill(0)
  for (const [axis, before, after] of pads) [all[axis], all[rank + axis]] = [before, after]
  return int64(...all)
}

function grown(dim: Dim, by: number): Dim {
  return typeof dim === 'number' ? dim + by : by === 0 ? dim : `${dim}+${by}`
}

/** Each pixel of x[N,C,H,W] becomes 2×2, cut to the height and width of `like` where given. */
export function upsample2x(x: Value, like?: Value): Value {
  const [n, c, h, w] = dims4(x)
  const attrs = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
  if (like) {
    const sizes = node('Concat', [shapeOf(x, 0, 2), shapeOf(like, 2, 4)], { shape: [4], attrs: { axis: 0 } })
    const shape = [n, c, like.shape[2]!, like.shape[3]!]
    // A size that is not twice the old one appears in inference only, where no gradient is asked for.
    return node('Resize', [x, null, null, sizes], { shape, attrs, grad: (dy) => [sumBlocks(dy, h, w)] })
  }
  const scales = node('Constant', [], { shape: [4], dtype: 'float32', attrs: { value_floats: [1, 1, 2, 2] } })
  const shape = [n, c, twice(h), twice(w)]
  return node('Resize', [x, null, scales], { shape, attrs, grad: (dy) => [sumBlocks(dy, h, w)] })
}

function twice(dim: Dim): Dim {
  const half = typeof dim === 'string' ? /^ceil\((.*)\/2\)$/.exec(dim) : null
  return typeof dim === 'number' ? 2 * dim : half ? half[1]! : `${dim}*2`
}

/** Mean of each 2×2 block of x[N,C,H,W], whose height and width are even. */
export function averagePool2x(x: Value): Value {
  const [n, c, h, w] = dims4(x)
  const half = (dim: Dim) => {
    const size = known(dim, 'averagePool2x: height and width')
    if (size % 2) throw new RangeError(`averagePool2x: [${x.shape}] has an odd side`)
    return size / 2
  }
  const quarter = node('Constant', [], { shape: [], dtype: 'float32', attrs: { value_float: { float: 0.25 } } })
  return node('AveragePool', [x], {
    shape: [n, c, half(h), half(w)],
    attrs: { kernel_shape: [2, 2], strides: [2, 2] },
    grad: (dy) => [upsample2x(node('Mul', [dy, quarter], { shape: dy.shape }))],
  })
}

/** x[N,C,h,w] averaged down to a grid of `pixels` pixels. */
export function pooledTo(x: Value, pixels: number): Value {
  const [, , h, w] = dims4(x)
  return known(h, 'pooledTo: height') * known(w, 'pooledTo: width') > pixels ? pooledTo(averagePool2x(x), pixels) : x
}

/** Sum of each 2×2 block: dy[N,C,2H,2W] → [N,C,H,W]. */
function sumBlocks(dy: Value, h: Dim, w: Dim): Value {
  const [n, c] = dims4(dy)
  const mean = node('AveragePool', [dy], { shape: [n, c, h, w], attrs: { kernel_shape: [2, 2], strides: [2, 2] } })
  const four = node('Constant', [], { shape: [], dtype: 'float32', attrs: { value_float: { float: 4 } } })
  return node('Mul', [mean, four], { shape: mean.shape })
}
