/** One training run: a loss, its gradients, and the parameters they move. */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { gradients } from '../../engine/graph/backward.ts'
import { countFlops } from '../../engine/graph/flops.ts'
import { inOrder } from '../../engine/graph/onnx.ts'
import type { Value } from '../../engine/graph/value.ts'
import type { Device } from '../../engine/runtime/device.ts'
import { encodeFor } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { sessionThreads } from '../../engine/runtime/threads.ts'
import { type AdamOptions, type AdamState, adamRates, adamState } from './adamw.ts'
import { hasState, loadState, saveState } from './checkpoint.ts'
import { allocate, initialise, type Parameter, type ParameterData, type ParameterSet } from './parameters.ts'
import { randomAt } from './random.ts'
import { type Feeds, gradientName, openReplicas, type Replicas } from './replicas.ts'

export interface TrainerOptions {
  /** Where the state is kept. */
  folder: string
  parameters: ParameterSet
  /** A single number. */
  loss: Value
  /** Pieces that the samples of a step come in, each computed by a thread of its own; 1 by default. */
  pieces?: number
  device?: Device
  /** Further values to report of each step. */
  outputs?: Readonly<Record<string, Value>>
  /** Folder of the files that frozen weights in the graph point into. */
  weights?: string
  seed: number
  rate: (step: number) => number
  adam?: AdamOptions
  /** Go on from the state in `folder`. */
  resume: boolean
  /** Change first values, for instance to those of a pretrained model; not called when a state is resumed. */
  begin?: (parameters: readonly Parameter[], data: ParameterData) => void
}

export interface StepReport {
  step: number
  loss: number
  gradientNorm: number
  /** Floating-point operations, forward and backward. */
  flops: number
  /** By piece, what the graph reports and what it was fed. */
  pieces: readonly Piece[]
}

export interface Piece {
  outputs: Record<string, HostTensor>
  feeds: Feeds
}

/** Guards the parameters, which a step changes in place. */
export class Trainer {
  readonly parameters: readonly Parameter[]
  readonly data: ParameterData
  readonly #state: AdamState
  readonly #replicas: Replicas
  readonly #outputs: readonly Value[]
  readonly #flops = new Map<string, number>()
  readonly #options: TrainerOptions

  static async open(options: TrainerOptions): Promise<Trainer> {
    const { weights, device = 'cpu', pieces = 1 } = options
    const parameters = options.parameters.list()
    const outputs = withGradients(options, parameters)
    const data = allocate(parameters)
    const state = firstState(options, parameters, data)
    const cores = sessionThreads()
    const replicas = await openReplicas({
      ...{ model: await encodeFor(outputs, device), device, pieces, data },
      ...(weights ? { weights } : {}),
      threads: data.flat.length > worthwhile ? Math.max(pieces, Math.min(2, cores)) : pieces,
      threadsOfRun: Math.max(1, Math.floor(cores / pieces)),
      buffers: { p: data.flat, ...state },
    })
    return new Trainer(options, parameters, data, state, Object.values(outputs), replicas)
  }

  private constructor(
    options: TrainerOptions,
    parameters: readonly Parameter[],
    data: ParameterData,
    state: AdamState,
    outputs: readonly Value[],
    replicas: Replicas,
  ) {
    this.#options = options
    this.parameters = parameters
    this.data = data
    this.#outputs = outputs
    this.#state = state
    this.#replicas = replicas
  }

  /** Steps taken so far, in this run and those it resumes. */
  get step(): number {
    return this.#state.step
  }

  /** The averaged parameters, the ones to sample with. */
  get averaged(): Float32Array {
    return this.#state.ema
  }

  /** The averaged parameters by name, to feed a graph built with the same names. */
  averagedTensors(): Record<string, HostTensor> {
    let at = 0
    return Object.fromEntries(
      Object.entries(this.data.tensors).map(([name, { data, shape }]) => {
        const from = at
        at += data.length
        return [name, { data: this.#state.ema.subarray(from, at), shape }]
      }),
    )
  }

  /** One step over all pieces of its samples. */
  async train(feeds: readonly Feeds[]): Promise<StepReport> {
    const { rate, adam } = this.#options
    const reports = await this.#replicas.step(feeds, adamRates(this.step, rate(this.step), adam))
    const gradientNorm = reports[0]!.norm
    if (!Number.isFinite(gradientNorm)) throw new RangeError(`the gradient is not finite at step ${this.step}`)
    this.#state.step++
    return {
      step: this.step,
      loss: meanOf(reports.map(({ outputs }) => outputs.loss!)),
      gradientNorm,
      flops: feeds.reduce((sum, own) => sum + this.#flopsOf(own), 0),
      pieces: reports.map(({ outputs }, i) => ({ outputs, feeds: feeds[i]! })),
    }
  }

  /** Operations of one run, forward and backward; they depend on dimensions that a feed may choose. */
  #flopsOf(feeds: Feeds): number {
    const sizes = namedSizes(this.#outputs, feeds)
    const key = Object.values(sizes).join()
    const flops = this.#flops.get(key) ?? countFlops(this.#outputs, sizes)
    this.#flops.set(key, flops)
    return flops
  }

  save(): void {
    saveState(this.#options.folder, this.parameters, this.data, this.#state)
  }

  /** Add a line of figures to the run's `log.jsonl`. */
  log(figures: Readonly<Record<string, number>>): void {
    appendFileSync(join(this.#options.folder, logName), `${JSON.stringify(figures)}\n`)
  }

  async close(): Promise<void> {
    await this.#replicas.close()
  }
}

/** Parameters beyond which a second thread to move them pays. */
const worthwhile = 1 << 20

/** The mean of single numbers. */
function meanOf(values: readonly HostTensor[]): number {
  return values.reduce((sum, { data }) => sum + Number(data[0]), 0) / values.length
}

/** What the named dimensions of a graph's inputs are in `feeds`. */
function namedSizes(outputs: readonly Value[], feeds: Feeds): Record<string, number> {
  const sizes: Record<string, number> = {}
  for (const { inputs } of inOrder(outputs))
    for (const x of inputs)
      if (x?.source.kind === 'input')
        for (const [axis, dim] of x.shape.entries())
          if (typeof dim === 'string') sizes[dim] = feeds[x.source.name]!.shape[axis]!
  return sizes
}

/** Outputs that are single numbers, for the progress line. */
export function noteOf({ pieces }: StepReport, names: readonly string[]): string {
  return names.map((name) => `${name} ${meanOf(pieces.map(({ outputs }) => outputs[name]!)).toFixed(3)}`).join(' ')
}

/** All that a run of the graph gives: the loss, what else is to be reported, and the gradient of every parameter. */
function withGradients({ loss, outputs: more }: TrainerOptions, parameters: readonly Parameter[]) {
  const grads = gradients(
    loss,
    parameters.map(({ value }) => value),
  )
  const outputs: Record<string, Value> = { loss, ...more }
  for (const [i, { name }] of parameters.entries()) {
    const grad = grads[i]
    if (!grad) throw new TypeError(`${name}: the loss does not depend on this parameter`)
    outputs[gradientName(name)] = grad
  }
  return outputs
}

/** First values of `data` and of the optimiser's state: those in the folder, or new ones. */
function firstState(options: TrainerOptions, parameters: readonly Parameter[], data: ParameterData): AdamState {
  const { folder, resume, seed, begin } = options
  if (resume && hasState(folder)) {
    const state = adamState(data)
    loadState(folder, parameters, data, state)
    return state
  }
  initialise(parameters, data, randomAt(seed, -1).normal)
  begin?.(parameters, data)
  // A log that is there already goes on; a step of 0 marks where this run begins.
  if (existsSync(join(folder, logName))) appendFileSync(join(folder, logName), `${JSON.stringify({ step: 0 })}\n`)
  return adamState(data)
}

const logName = 'log.jsonl'

/** Rise to `peak` over `warmup` steps, then fall along a cosine to a tenth of it at `total`, and stay there. */
export function cosineRate(peak: number, warmup: number, total: number): (step: number) => number {
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup
    const done = Math.min(1, (step - warmup) / Math.max(1, total - warmup))
    return peak * (0.55 + 0.45 * Math.cos(Math.PI * done))
  }
}
