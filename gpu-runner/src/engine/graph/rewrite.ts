/** Replaces nodes of a graph by others that compute the same. */
import { inOrder } from './onnx.ts'
import type { Node, Value } from './value.ts'

/** The value that takes the place of a node's first output, or null to keep the node. Its inputs are rewritten already. */
export type Rewrite = (node: Node) => Value | null

/** `outputs` with `replace` asked about every node they reach. What lies before the first replaced node is shared. */
export function rewrite(outputs: Readonly<Record<string, Value>>, replace: Rewrite): Record<string, Value> {
  const moved = new Map<Value, Value>()
  const now = (value: Value): Value => moved.get(value) ?? value
  for (const made of inOrder(Object.values(outputs))) {
    const inputs = made.inputs.map((x) => x && now(x))
    const same = inputs.every((x, i) => x === made.inputs[i])
    const node: Node = same ? made : { ...made, inputs, outputs: [] }
    if (!same)
      for (const [index, { shape, dtype }] of made.outputs.entries())
        node.outputs.push({ shape, dtype, source: { kind: 'node', node, index } })
    for (const [index, value] of made.outputs.entries()) moved.set(value, node.outputs[index]!)
    const replacement = replace(node)
    if (replacement) moved.set(made.outputs[0]!, replacement)
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, now(value)]))
}
