/** The reverse walk: gradients as further values of the same graph. */
import { add } from './arithmetic.ts'
import { sum } from './reduce.ts'
import { reshape } from './shape.ts'
import { constant, type Node, type Value } from './value.ts'

/**
 * d(loss)/d(x) for each x of `wrt`, where `loss` is a single number; null for an x that the loss does not depend on.
 * Only the nodes between `wrt` and `loss` are visited.
 */
export function gradients(loss: Value, wrt: readonly Value[]): (Value | null)[] {
  if (loss.shape.some((dim) => dim !== 1)) throw new RangeError(`gradients: the loss has shape [${loss.shape}]`)
  const targets = new Set(wrt)
  const order = pathsTo(targets, loss)
  const grads = new Map<Value, Value>([
    [
      loss,
      constant(
        Float32Array.of(1),
        loss.shape.map(() => 1),
      ),
    ],
  ])
  for (const made of [...order].reverse()) {
    const [y] = made.outputs
    const dy = y && grads.get(y)
    if (!y || !dy || !made.grad) continue
    const parts = made.grad(dy, y)
    for (const [i, x] of made.inputs.entries()) {
      const part = parts[i]
      if (!x || !part || !(targets.has(x) || (x.source.kind === 'node' && order.has(x.source.node)))) continue
      const fitted = unbroadcast(part, x)
      const before = grads.get(x)
      grads.set(x, before ? add(before, fitted) : fitted)
    }
  }
  return wrt.map((x) => grads.get(x) ?? null)
}

/** Nodes through which `loss` depends on a target, inputs first. */
function pathsTo(targets: ReadonlySet<Value>, loss: Value): Set<Node> {
  const depends = new Map<Node, boolean>()
  const order = new Set<Node>()
  const visit = (value: Value): boolean => {
    if (targets.has(value)) return true
    if (value.source.kind !== 'node') return false
    const { node } = value.source
    const known = depends.get(node)
    if (known !== undefined) return known
    depends.set(node, false)
    // A plain `some` would stop at the first input that leads to a target; all must be visited.
    const leads = node.inputs.map((x) => x !== null && visit(x)).some(Boolean)
    depends.set(node, leads)
    if (leads) order.add(node)
    return leads
  }
  visit(loss)
  return order
}

/** Sum `dy` over the axes along which `x` was broadcast. */
function unbroadcast(dy: Value, x: Value): Value {
  const extra = dy.shape.length - x.shape.length
  const axes = dy.shape.flatMap((dim, i) => (i < extra || (x.shape[i - extra] === 1 && dim !== 1) ? [i] : []))
  if (axes.length === 0) return dy
  const summed = sum(dy, axes)
  return extra === 0 ? summed : reshape(summed, x.shape)
}
