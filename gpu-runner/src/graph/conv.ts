/** Convolutions over x[N,C,H,W]. */
import { rows } from './matmul.ts'
import { matmul } from './matmul.ts'
import { sum } from './reduce.ts'
import { concat, pad2d, reshape, toTokens } from './shape.ts'
import { type Dim, dims4, halved, int64, known, node, type Value } from './value.ts'

export interface ConvOptions {
  stride?: 1 | 2
  /** Zeros at [top, left, bottom, right]; 'same' by default: half the kernel on every side. */
  pads?: readonly [number, number, number, number]
}

/** Convolve x[N,C,H,W] with w[O,C,k,k] and add b[O]. */
export function conv2d(x: Value, w: Value, b?: Value | null, { stride = 1, pads }: ConvOptions = {}): Value {
  const [n, c, height, width] = dims4(x)
  const [o, wc, k] = dims4(w)
  if (c !== wc) throw new RangeError(`conv2d: x has ${c} channels, w takes ${wc}`)
  const half = (known(k, 'conv2d: the kernel') - 1) / 2
  const zeros = pads ?? [half, half, half, half]
  const out = (dim: Dim, padding: number): Dim => convolved(dim, padding, known(k, 'conv2d: the kernel'), stride)
  return node('Conv', b ? [x, w, b] : [x, w], {
    shape: [n, o, out(height, zeros[0] + zeros[2]), out(width, zeros[1] + zeros[3])],
    attrs: { pads: zeros, strides: [stride, stride] },
    grad: (dy) => [
      gradOfInput(x, w, dy, stride, zeros),
      gradOfWeight(x, w, dy, stride, zeros),
      b ? reshape(sum(dy, [0, 2, 3]), b.shape) : null,
    ],
  })
}

function convolved(dim: Dim, padding: number, k: number, stride: 1 | 2): Dim {
  if (typeof dim === 'number') return Math.floor((dim + padding - k) / stride) + 1
  if (stride === 1) return padding === k - 1 ? dim : `${dim}+${padding - k + 1}`
  return halved(dim)
}

/** dx spreads each output over the window it came from. */
function gradOfInput(x: Value, w: Value, dy: Value, stride: 1 | 2, pads: readonly [number, number, number, number]) {
  const [, , height, width] = dims4(x)
  const [, , dh, dw] = dims4(dy)
  const k = known(w.shape[2], 'conv2d: the kernel')
  // What a stride left uncovered at the bottom and right comes back as output padding.
  const rest = (dim: Dim, from: Dim, padding: number) =>
    known(dim, 'conv2d: height and width') - ((known(from, 'conv2d: height and width') - 1) * stride + k - padding)
  return node('ConvTranspose', [dy, w], {
    shape: x.shape,
    attrs: {
      pads,
      strides: [stride, stride],
      output_padding: [rest(height, dh, pads[0] + pads[2]), rest(width, dw, pads[1] + pads[3])],
    },
  })
}

/**
 * dw[O,C,k,k] as one matrix product over all pixels of the batch: dy[N·H·W,O]ᵀ · windows[N·H·W,C·k·k].
 * Two to three times faster on CPU than a convolution with batch and channels swapped.
 */
function gradOfWeight(x: Value, w: Value, dy: Value, stride: 1 | 2, pads: readonly [number, number, number, number]) {
  const [o, c, k] = dims4(w)
  const size = known(k, 'conv2d: the kernel')
  const windows = size === 1 ? x : concat(shifted(x, dy, size, stride, pads), 1)
  const grad = matmul(rows(toTokens(dy)), rows(toTokens(windows)), { transA: true })
  if (size === 1) return reshape(grad, w.shape)
  return node('Transpose', [reshape(grad, [o, size, size, c])], { shape: w.shape, attrs: { perm: [0, 3, 1, 2] } })
}

/** The k·k pictures of x under each kernel cell, each of the size of dy. */
function shifted(x: Value, dy: Value, k: number, stride: number, pads: readonly [number, number, number, number]) {
  const padded = pad2d(x, pads)
  const [n, c] = dims4(x)
  const [, , h, w] = dims4(dy)
  const [dh, dw] = [known(h, 'conv2d: height'), known(w, 'conv2d: width')]
  return Array.from({ length: k * k }, (_, i) => {
    const [y, x0] = [Math.floor(i / k), i % k]
    const ends = [y + (dh - 1) * stride + 1, x0 + (dw - 1) * stride + 1] as const
    return node('Slice', [padded, int64(y, x0), int64(...ends), int64(2, 3), int64(stride, stride)], {
      shape: [n, c, dh, dw],
    })
  })
}
