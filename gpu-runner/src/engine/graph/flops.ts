/** How much arithmetic a graph holds, from the shapes of its matrix products; all else is small beside them. */
import { inOrder } from './onnx.ts'
import { type Dim, known, type Node, type Shape, type Value } from './value.ts'

/** The sizes of named dimensions in one run. */
type Sizes = Readonly<Record<string, number>>

/** Floating-point operations of one run, a multiplication and an addition counting as two. */
export function countFlops(outputs: readonly Value[], sizes: Sizes = {}): number {
  return inOrder(outputs).reduce((sum, made) => sum + nodeFlops(made, sizes), 0)
}

function nodeFlops({ op, inputs, outputs, attrs }: Node, sizes: Sizes): number {
  const size = (shape: Shape) => sizeOf(shape, sizes)
  const out = () => size(outputs[0]!.shape)
  const [a, b] = inputs
  if (op === 'Conv') return 2 * out() * size(b!.shape.slice(1))
  if (op === 'ConvTranspose') return 2 * size(a!.shape) * size(b!.shape.slice(1))
  if (op === 'MatMul' || op === 'FusedMatMul') return 2 * out() * size([a!.shape.at(attrs.transA ? -2 : -1)!])
  if (op === 'MultiHeadAttention') return 4 * out() * size([b!.shape[1]!])
  return 0
}

function sizeOf(shape: Shape, sizes: Sizes): number {
  // A name may be a product of names and numbers: 'captions*80'.
  const factors = shape.flatMap((dim): Dim[] => (typeof dim === 'number' ? [dim] : dim.split('*')))
  return factors.reduce<number>((product, dim) => product * known(sizes[dim] ?? (Number(dim) || dim), what), 1)
}

const what = 'countFlops: every dimension'
