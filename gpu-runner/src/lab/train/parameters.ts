/** Parameters in training: inputs of the graph, fed from one flat buffer that the optimiser updates in place. */
import { input, type Value } from '../../engine/graph/value.ts'
import { type Init, initialDeviation, viewOf, type Weights } from '../../engine/nn/weights.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'

export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly init: Init
  readonly value: Value
}

/** Collects every parameter that a model asks for while its graph is built, under `prefix` + the model's own name. */
export class ParameterSet {
  readonly #parameters = new Map<string, Parameter>()

  /** The view to build a model with. Asking twice for a name gives the same value. */
  weights(prefix: string): Weights {
    return viewOf({
      has: (name) => this.#parameters.has(prefix + name),
      get: (name, shape, init) => {
        const known = this.#parameters.get(prefix + name)
        if (known) return known.value
        const value = input(prefix + name, shape)
        this.#parameters.set(prefix + name, { name: prefix + name, shape, init, value })
        return value
      },
    })
  }

  list(): Parameter[] {
    return [...this.#parameters.values()]
  }
}

/** The numbers of a set of parameters: one buffer, shared so that threads can work on it, and a view of it for each name. */
export interface ParameterData {
  readonly flat: Float32Array
  readonly tensors: Readonly<Record<string, HostTensor & { data: Float32Array }>>
}

export function allocate(parameters: readonly Parameter[]): ParameterData {
  const sizes = parameters.map(({ shape }) => shape.reduce((a, b) => a * b, 1))
  const flat = new Float32Array(new SharedArrayBuffer(4 * sizes.reduce((a, b) => a + b, 0)))
  let at = 0
  const tensors: Record<string, HostTensor & { data: Float32Array }> = {}
  for (const [i, { name, shape }] of parameters.entries()) {
    tensors[name] = { data: flat.subarray(at, at + sizes[i]!), shape }
    at += sizes[i]!
  }
  return { flat, tensors }
}

/** One parameter, and where it lies in the flat buffer. */
export interface Share {
  readonly name: string
  readonly at: number
  readonly length: number
  /** Biases and gains do not decay. */
  readonly decays: boolean
}

export function sharesOf({ tensors }: ParameterData): Share[] {
  let at = 0
  return Object.entries(tensors).map(([name, { data, shape }]) => {
    const share = { name, at, length: data.length, decays: shape.length > 1 }
    at += data.length
    return share
  })
}

/** First values: normal ones of each tensor's `initialDeviation`, or ones. */
export function initialise(parameters: readonly Parameter[], data: ParameterData, normal: () => number): void {
  for (const { name, shape, init } of parameters) {
    const into = data.tensors[name]!.data
    const deviation = initialDeviation(init, shape)
    if (init === 'ones') into.fill(1)
    else if (deviation > 0) for (let i = 0; i < into.length; i++) into[i] = deviation * normal()
  }
}
