/** Writes a graph as an ONNX ModelProto (onnx/onnx.proto), weights as external data at their place in another file. */
import { Message } from './protobuf.ts'
import { type Attribute, elementType, type Node, type Value } from './value.ts'

const opsets = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
]
const irVersion = 10

/** The model that computes `outputs`, named as given, from whatever inputs they reach. */
export function encodeModel(outputs: Readonly<Record<string, Value>>): Uint8Array {
  const names = new Map<Value, string>()
  const graph = new Message()
  const inputs = new Map<string, Value>()
  const initializers: Message[] = []
  for (const [name, value] of Object.entries(outputs)) if (value.source.kind === 'node') names.set(value, name)

  const nameOf = (value: Value): string => {
    const known = names.get(value)
    if (known) return known
    const name = value.source.kind === 'input' || value.source.kind === 'weight' ? value.source.name : `v${names.size}`
    names.set(value, name)
    if (value.source.kind === 'input') inputs.set(name, value)
    if (value.source.kind === 'constant' || value.source.kind === 'weight') initializers.push(tensor(name, value))
    return name
  }

  for (const made of storedFirst(inOrder(Object.values(outputs)))) {
    const message = new Message()
    for (const x of made.inputs) message.string(1, x ? nameOf(x) : '')
    for (const y of made.outputs) message.string(2, nameOf(y))
    message.string(4, made.op)
    for (const [name, value] of Object.entries(made.attrs)) message.bytes(5, attribute(name, value))
    if (made.domain) message.string(7, made.domain)
    graph.bytes(1, message)
  }
  // An output that no node makes (an input or weight handed through) needs a node to carry its new name.
  for (const [name, value] of Object.entries(outputs))
    if (names.get(value) !== name)
      graph.bytes(1, new Message().string(1, nameOf(value)).string(2, name).string(4, 'Identity'))

  graph.string(2, 'fableframe')
  for (const initializer of initializers) graph.bytes(5, initializer)
  for (const [name, value] of inputs) graph.bytes(11, valueInfo(name, value))
  for (const [name, value] of Object.entries(outputs)) graph.bytes(12, valueInfo(name, value))
  const model = new Message().int(1, irVersion).string(2, 'fableframe').bytes(7, graph)
  for (const { domain, version } of opsets) model.bytes(8, new Message().string(1, domain).int(2, version))
  return model.encode()
}

/**
 * Nodes that read stored tensors alone, such as the casts of half-precision weights, before all others. Onnxruntime visits
 * the inputs of a node from the last made to the first, so that each of them then runs just before the node that needs it,
 * and its result is freed behind it.
 */
function storedFirst(nodes: readonly Node[]): Node[] {
  const isStored = ({ inputs }: Node) => inputs.every((x) => x === null || x.source.kind === 'weight')
  return [...nodes.filter(isStored), ...nodes.filter((made) => !isStored(made))]
}

/** Every node that `outputs` reach, each after the nodes it needs. A loop, not recursion: graphs are deep. */
export function inOrder(outputs: readonly Value[]): Node[] {
  const done = new Set<Node>()
  const order: Node[] = []
  const stack: { node: Node; next: number }[] = []
  const open = (value: Value | null) => {
    if (value?.source.kind === 'node' && !done.has(value.source.node)) {
      done.add(value.source.node)
      stack.push({ node: value.source.node, next: 0 })
    }
  }
  for (const value of outputs) {
    open(value)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next < top.node.inputs.length) open(top.node.inputs[top.next++]!)
      else order.push(stack.pop()!.node)
    }
  }
  return order
}

function tensor(name: string, { shape, dtype, source }: Value): Message {
  const message = new Message()
  for (const dim of shape) {
    if (typeof dim !== 'number') throw new RangeError(`${name}: a stored tensor has the unknown dimension '${dim}'`)
    message.int(1, dim)
  }
  message.int(2, elementType[dtype]).string(8, name)
  if (source.kind === 'constant') {
    const { buffer, byteOffset, byteLength } = source.data
    return message.bytes(9, new Uint8Array(buffer, byteOffset, byteLength).slice())
  }
  if (source.kind !== 'weight') throw new TypeError(`${name}: a ${source.kind} is not stored`)
  for (const [key, value] of Object.entries(source.data))
    message.bytes(13, new Message().string(1, key).string(2, String(value)))
  return message.int(14, 1)
}

function valueInfo(name: string, { shape, dtype }: Value): Message {
  const dims = new Message()
  for (const dim of shape)
    dims.bytes(1, typeof dim === 'number' ? new Message().int(1, dim) : new Message().string(2, dim))
  const type = new Message().bytes(1, new Message().int(1, elementType[dtype]).bytes(2, dims))
  return new Message().string(1, name).bytes(2, type)
}

const kinds = { float: 1, int: 2, string: 3, floats: 6, ints: 7 }

function attribute(name: string, value: Attribute): Message {
  const message = new Message().string(1, name)
  if (typeof value === 'string') return message.bytes(4, new TextEncoder().encode(value)).int(20, kinds.string)
  if (typeof value === 'number') return message.int(3, value).int(20, kinds.int)
  if ('float' in value) return message.float(2, value.float).int(20, kinds.float)
  if (name.endsWith('_floats')) {
    for (const item of value) message.float(7, item)
    return message.int(20, kinds.floats)
  }
  for (const item of value) message.int(8, item)
  return message.int(20, kinds.ints)
}
