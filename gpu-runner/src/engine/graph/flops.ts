/** How much arithmetic a graph holds, from the shapes of its matrix products; everything else is small beside them. */
import { inOrder } from './onnx.ts'
import { known, type Node, type Shape, type Value } from './value.ts'

/** Floating-point operations of one run, a multiplication and an addition counting as two. */
export function countFlops(outputs: readonly Value[]): number {
  return inOrder(outputs).reduce((sum, made) => sum + nodeFlops(made), 0)
}

function nodeFlops({ op, inputs, outputs, attrs }: Node): number {
  const out = size(outputs[0]!.shape)
  const [a, b] = inputs
  if (op === 'Conv') return 2 * out * size(b!.shape.slice(1))
  if (op === 'ConvTranspose') return 2 * size(a!.shape) * size(b!.shape.slice(1))
  if (op === 'MatMul' || op === 'FusedMatMul') return 2 * out * known(a!.shape.at(attrs.transA ? -2 : -1), 'flops')
  if (op === 'MultiHeadAttention') return 4 * out * known(b!.shape[1], 'flops')
  return 0
}

function size(shape: Shape): number {
  return shape.reduce<number>((product, dim) => product * known(dim, 'countFlops: every dimension'), 1)
}
