/** One training run: a loss, its gradients, and the parameters they move. */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { gradients } from '../../engine/graph/backward.ts'
import { countFlops } from '../../engine/graph/flops.ts'
import type { Value } from '../../engine/graph/value.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { HostTensor, Session } from '../../engine/runtime/tensor.ts'
import { type AdamOptions, type AdamState, adamState, adamStep } from './adamw.ts'
import { openAdamHelper } from './adamw-helper.ts'
import { hasState, loadState, saveState } from './checkpoint.ts'
import { allocate, initialise, type Parameter, type ParameterData, type ParameterSet } from './parameters.ts'
import { randomAt } from './random.ts'

export interface TrainerOptions {
  /** Where the state is kept. */
  folder: string
  parameters: ParameterSet
  /** A single number. */
  loss: Value
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
  outputs: Record<string, HostTensor>
}

/** Guards the parameters, which a step changes in place. */
export class Trainer {
  readonly parameters: readonly Parameter[]
  readonly data: ParameterData
  /** Floating-point operations of one step, forward and backward. */
  readonly flops: number
  readonly #state: AdamState
  readonly #session: Session
  readonly #helper: ReturnType<typeof openAdamHelper> | undefined
  readonly #options: TrainerOptions

  static async open(options: TrainerOptions): Promise<Trainer> {
    const { weights } = options
    const parameters = options.parameters.list()
    const grads = gradients(
      options.loss,
      parameters.map(({ value }) => value),
    )
    const outputs: Record<string, Value> = { loss: options.loss, ...options.outputs }
    for (const [i, { name }] of parameters.entries()) {
      const grad = grads[i]
      if (!grad) throw new TypeError(`${name}: the loss does not depend on this parameter`)
      outputs[gradientName(name)] = grad
    }
    return new Trainer(
      options,
      parameters,
      countFlops(Object.values(outputs)),
      await openSession(outputs, weights ? { weights } : {}),
    )
  }

  private constructor(options: TrainerOptions, parameters: readonly Parameter[], flops: number, session: Session) {
    this.#options = options
    this.parameters = parameters
    this.flops = flops
    this.#session = session
    this.data = allocate(parameters)
    if (!options.resume || !hasState(options.folder)) {
      initialise(parameters, this.data, randomAt(options.seed, -1).normal)
      options.begin?.(parameters, this.data)
      // A log that is there already goes on, and where is to be seen: a run that begins counts from 0 again.
      if (existsSync(join(options.folder, 'log.jsonl'))) this.log({ step: 0 })
    }
    this.#state = adamState(this.data)
    if (options.resume && hasState(options.folder)) loadState(options.folder, parameters, this.data, this.#state)
    if (this.data.flat.length > worthwhile)
      this.#helper = openAdamHelper({ p: this.data.flat, ...this.#state }, parameters.length)
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

  async train(feeds: Readonly<Record<string, HostTensor>>): Promise<StepReport> {
    const { rate, adam } = this.#options
    const results = await this.#session.run({ ...this.data.tensors, ...feeds })
    const gradient = (name: string) => results[gradientName(name)]!.data as Float32Array
    const gradientNorm = adamStep(
      this.parameters,
      this.data,
      this.#state,
      gradient,
      rate(this.step),
      adam,
      this.#helper,
    )
    const outputs = Object.fromEntries(Object.keys(this.#options.outputs ?? {}).map((name) => [name, results[name]!]))
    return { step: this.step, loss: Number(results.loss!.data[0]), gradientNorm, outputs }
  }

  save(): void {
    saveState(this.#options.folder, this.parameters, this.data, this.#state)
  }

  /** Add a line of figures to the run's `log.jsonl`. */
  log(figures: Readonly<Record<string, number>>): void {
    appendFileSync(join(this.#options.folder, 'log.jsonl'), `${JSON.stringify(figures)}\n`)
  }

  async close(): Promise<void> {
    await this.#helper?.close()
    await this.#session.close()
  }
}

/** Parameters beyond which a second thread for the optimiser pays. */
const worthwhile = 1 << 20

const gradientName = (parameter: string) => `d ${parameter}`

/** Rise to `peak` over `warmup` steps, then fall along a cosine to a tenth of it at `total`, and stay there. */
export function cosineRate(peak: number, warmup: number, total: number): (step: number) => number {
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup
    const done = Math.min(1, (step - warmup) / Math.max(1, total - warmup))
    return peak * (0.55 + 0.45 * Math.cos(Math.PI * done))
  }
}
