/** Low-rank changes of weights (LoRA, arXiv:2106.09685), made in the graph: the checkpoint stays as it is. */
import { add } from '../graph/arithmetic.ts'
import { matmul } from '../graph/matmul.ts'
import { reshape } from '../graph/shape.ts'
import { product, type Value } from '../graph/value.ts'
import { viewOf, type Weights } from './weights.ts'

/** factor · up · down is added to a weight [O,I] or [O,I,k,k]. */
export interface LowRank {
  /** [O,r] or [O,r,1,1] */
  readonly up: Value
  /** [r,I] or [r,I,k,k] */
  readonly down: Value
  readonly factor: number
}

/**
 * `w`, the tensors named in `changes` with their changes added. Both factors are constants of the graph, so a runtime
 * that folds constants computes each sum once, when the session opens, and a step costs what it costs without.
 */
export function withLowRank(w: Weights, changes: ReadonlyMap<string, readonly LowRank[]>): Weights {
  const made = new Map<string, Value>()
  return viewOf({
    has: (name) => w.has(name),
    get(name, shape, init) {
      const before = made.get(name)
      if (before) return before
      const value = (changes.get(name) ?? []).reduce((sum, change) => add(sum, difference(change, shape)), get())
      made.set(name, value)
      return value

      function get(): Value {
        return w.get(name, shape, init)
      }
    },
  })
}

/** The change as a tensor of `shape`; the last factor of a convolution is itself a 1×1 convolution. */
function difference({ up, down, factor }: LowRank, shape: readonly number[]): Value {
  const [out, rank] = [up.shape[0]!, down.shape[0]!]
  const left = reshape(up, [out, rank])
  const right = reshape(down, [rank, product(shape.slice(1))])
  return reshape(matmul(left, right, { alpha: factor }), shape)
}
