/** Matrix products. `FusedMatMul` takes transposed operands as they lie, so that no weight is ever transposed in memory. */
import { broadcast } from './arithmetic.ts'
import { sum } from './reduce.ts'
import { reshape, shapeOf, transpose } from './shape.ts'
import { int64, known, node, product, type Shape, type Value } from './value.ts'

export interface MatmulOptions {
  transA?: boolean
  transB?: boolean
  alpha?: number
}

/** alpha · op(a) op(b) over the last two axes; leading axes broadcast. */
export function matmul(a: Value, b: Value, { transA = false, transB = false, alpha = 1 }: MatmulOptions = {}): Value {
  const [m, k] = lastTwo(a.shape, transA)
  const [kb, n] = lastTwo(b.shape, transB)
  if (k !== kb) throw new RangeError(`matmul: [${a.shape}]${transA ? 'ᵀ' : ''} and [${b.shape}]${transB ? 'ᵀ' : ''}`)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2), 'matmul')
  const plain = !transA && !transB && alpha === 1
  return node(plain ? 'MatMul' : 'FusedMatMul', [a, b], {
    domain: plain ? '' : 'com.microsoft',
    shape: [...batch, m, n],
    attrs: plain ? {} : { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } },
    grad: (dy) => {
      const gradA = transA
        ? matmul(b, dy, { transA: transB, transB: true, alpha })
        : matmul(dy, b, { transB: !transB, alpha })
      return [gradA, gradOfB(a, b, dy, transA, transB, alpha)]
    },
  })
}

/** db: a matrix shared by the batch is one product over all rows, not a batch of products that are then summed. */
function gradOfB(a: Value, b: Value, dy: Value, transA: boolean, transB: boolean, alpha: number): Value {
  const shared = b.shape.length === 2 && a.shape.length > 2
  const [x, g] = shared ? [rows(transA ? swapLast(a) : a), rows(dy)] : [a, dy]
  const turned = shared ? false : transA
  return transB
    ? matmul(g, x, { transA: true, transB: turned, alpha })
    : matmul(x, g, { transA: !turned, transB: false, alpha })
}

/** x with its last two axes swapped. */
export function swapLast(x: Value): Value {
  const axes = x.shape.map((_, i) => i)
  return transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!])
}

/** x[…,C] as a matrix [rows, C]. */
export function rows(x: Value): Value {
  return x.shape.length === 2 ? x : reshape(x, [product(x.shape.slice(0, -1)), x.shape.at(-1)!])
}

/** x[…,I] · w[O,I]ᵀ + b[O], as torch lays out `Linear`. */
export function linear(x: Value, w: Value, b?: Value | null): Value {
  const y = matmul(x, w, { transB: true })
  return b ? addBias(y, b) : y
}

/** x[…,C] + b[C]; db is one sum over all rows. */
function addBias(x: Value, b: Value): Value {
  const grad = (dy: Value) => [dy, reshape(sum(rows(dy), [0]), b.shape)]
  return node('Add', [x, b], { shape: x.shape, grad })
}

/** Rows of table[V,C] at ids, int64 of any shape: [...ids, C]. */
export function embedding(table: Value, ids: Value): Value {
  const [v, c] = [known(table.shape[0], 'embedding: the vocabulary'), table.shape[1]!]
  return node('Gather', [table, ids], {
    dtype: table.dtype,
    shape: [...ids.shape, c],
    attrs: { axis: 0 },
    grad: (dy) => [sumByRow(rows(dy), reshape(ids, [product(ids.shape)]), v), null],
  })
}

/** Adds up the rows of dy[N,C] that have the same id: [count,C]. One after another, so that every run rounds alike. */
function sumByRow(dy: Value, ids: Value, count: number): Value {
  const [n, c] = [dy.shape[0]!, known(dy.shape[1], 'embedding: the width')]
  const zeros = node('ConstantOfShape', [int64(count, c)], { shape: [count, c], dtype: dy.dtype })
  const column = node('Unsqueeze', [ids, int64(1)], { shape: [n, 1], dtype: 'int64' })
  const at = node('Expand', [column, shapeOf(dy)], { shape: dy.shape, dtype: 'int64' })
  return node('ScatterElements', [zeros, at, dy], { shape: [count, c], attrs: { axis: 0, reduction: 'add' } })
}

function lastTwo(shape: Shape, swap: boolean) {
  if (shape.length < 2) throw new RangeError(`matmul: [${shape}] is no matrix`)
  const [m, k] = [shape.at(-2)!, shape.at(-1)!]
  return swap ? ([k, m] as const) : ([m, k] as const)
}
