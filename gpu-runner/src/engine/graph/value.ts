/** Typed values of an ONNX graph. `node()` makes an immutable value; a graph is whatever its outputs reach. */

/** A dimension: a number, or the name of one that is known only at run time ('batch', 'height', 'ceil(height/2)'). */
export type Dim = number | string
export type Shape = readonly Dim[]
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e5m2'
  | 'int64'
  | 'int32'
  | 'uint8'
  | 'bool'

/** Numbers of the types in `TensorProto.DataType` (onnx/onnx.proto). */
export const elementType: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e5m2: 19,
}

export type Attribute = number | string | readonly number[] | { readonly float: number }

/** Where a weight's bytes are: `offset` and `length` in bytes inside the file `location`, a name in the model folder. */
export interface ExternalData {
  readonly location: string
  readonly offset: number
  readonly length: number
}

type Source =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: ArrayBufferView }
  | { readonly kind: 'weight'; readonly name: string; readonly data: ExternalData }
  | { readonly kind: 'node'; readonly node: Node; readonly index: number }

export interface Value {
  readonly shape: Shape
  readonly dtype: DType
  readonly source: Source
}

/** Gradients of a node's inputs from `dy`, the gradient of its first output `y`; null where there is none. */
type Gradient = (dy: Value, y: Value) => readonly (Value | null)[]

export interface Node {
  readonly op: string
  readonly domain: string
  /** Null stands for an optional input that is left out. */
  readonly inputs: readonly (Value | null)[]
  readonly attrs: Readonly<Record<string, Attribute>>
  readonly outputs: Value[]
  readonly grad: Gradient | undefined
}

export interface NodeOptions {
  shape: Shape
  dtype?: DType
  attrs?: Record<string, Attribute>
  domain?: '' | 'com.microsoft'
  grad?: Gradient
  /** Shapes of further outputs, read with `output()`. They carry no gradient. */
  more?: readonly Shape[]
}

/** The first output of a new node `op`; its element type is that of the first input unless given. */
export function node(op: string, inputs: readonly (Value | null)[], options: NodeOptions): Value {
  const dtype = options.dtype ?? inputs[0]?.dtype
  if (!dtype) throw new TypeError(`${op}: no element type, give one or an input that has one`)
  const made: Node = {
    op,
    domain: options.domain ?? '',
    inputs,
    attrs: options.attrs ?? {},
    outputs: [],
    grad: options.grad,
  }
  for (const [index, shape] of [options.shape, ...(options.more ?? [])].entries())
    made.outputs.push({ shape, dtype, source: { kind: 'node', node: made, index } })
  return made.outputs[0]!
}

/** Output `index` of the node that made `value`. */
export function output(value: Value, index: number): Value {
  const made = value.source.kind === 'node' ? value.source.node.outputs[index] : undefined
  if (!made) throw new RangeError(`output: no output ${index} beside this value`)
  return made
}

/** A value fed at every run. */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): Value {
  return { shape, dtype, source: { kind: 'input', name } }
}

/** A tensor that stays in its file: the graph holds its place, never its bytes. */
export function weight(name: string, shape: Shape, dtype: DType, data: ExternalData): Value {
  return { shape, dtype, source: { kind: 'weight', name, data } }
}

export function constant(data: Float32Array | BigInt64Array | Int32Array, shape: Shape = [data.length]): Value {
  const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64'
  return { shape, dtype, source: { kind: 'constant', data } }
}

export function scalar(value: number): Value {
  return constant(Float32Array.of(value), [])
}

export function int64(...values: number[]): Value {
  return constant(BigInt64Array.from(values, BigInt))
}

export function dims3(x: Value): [Dim, Dim, Dim] {
  if (x.shape.length !== 3) throw new RangeError(`expected 3 dimensions, got [${x.shape}]`)
  return [x.shape[0]!, x.shape[1]!, x.shape[2]!]
}

export function dims4(x: Value): [Dim, Dim, Dim, Dim] {
  if (x.shape.length !== 4) throw new RangeError(`expected 4 dimensions, got [${x.shape}]`)
  return [x.shape[0]!, x.shape[1]!, x.shape[2]!, x.shape[3]!]
}

/** A dimension that must be known while building, such as a channel count. */
export function known(dim: Dim | undefined, what: string): number {
  if (typeof dim !== 'number') throw new RangeError(`${what} must be a known number, got ${dim}`)
  return dim
}

/** `value` rounded up to a half, as a strided convolution with padding 1 leaves it. */
export function halved(dim: Dim): Dim {
  return typeof dim === 'number' ? Math.ceil(dim / 2) : `ceil(${dim}/2)`
}

export function product(shape: Shape): Dim {
  const numbers = shape.filter((dim) => typeof dim === 'number').reduce((a, b) => a * b, 1)
  const names = shape.filter((dim) => typeof dim === 'string')
  if (names.length === 0) return numbers
  return numbers === 1 && names.length === 1 ? names[0]! : [...names, numbers].join('*')
}
