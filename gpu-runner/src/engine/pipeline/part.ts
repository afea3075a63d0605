/** One network of an open model. */
import type { Value } from '../graph/value.ts'
import { assertFinite } from '../runtime/finite.ts'
import type { OpenWeights } from '../runtime/model-weights.ts'
import { openSession, type SessionOptions } from '../runtime/session.ts'
import type { HostTensor, Session } from '../runtime/tensor.ts'
import { ModelError } from './source.ts'

/**
 * A network whose session can be released, with all memory it holds, and comes back at its next run. Every output is
 * checked to be finite.
 */
export class Part {
  readonly name: string
  readonly #create: () => Promise<Session>
  readonly #weights: OpenWeights
  readonly #running = new Set<Promise<unknown>>()
  #session: Promise<Session> | undefined

  /** `graph` builds the outputs each time the session opens. */
  constructor(
    name: string,
    graph: () => Readonly<Record<string, Value>>,
    weights: OpenWeights,
    options: SessionOptions,
  ) {
    this.name = name
    this.#weights = weights
    this.#create = async () => openSession(graph(), { ...options, weights: weights.root })
  }

  get isOpen(): boolean {
    return this.#session !== undefined
  }

  open(): Promise<Session> {
    this.#session ??= this.#create().catch((error: unknown) => {
      this.#session = undefined
      throw new ModelError(`${this.name}: ${error instanceof Error ? error.message : error}`, { cause: error })
    })
    return this.#session
  }

  /** `step`, of the sampling from 1, is for errors. */
  async run(feeds: Readonly<Record<string, HostTensor>>, step?: number): Promise<Record<string, HostTensor>> {
    const running = this.open().then((session) => session.run(feeds))
    const ended = running.catch(() => {}).finally(() => this.#running.delete(ended))
    this.#running.add(ended)
    const outputs = await running
    const where = { part: this.name, ...(step !== undefined && { step }) }
    for (const { data } of Object.values(outputs))
      if (data instanceof Float32Array) assertFinite(data, where, this.#weights.checkpoints)
    return outputs
  }

  /** Waits for runs that are in progress. */
  async release(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await Promise.all(this.#running)
    await (await session?.catch(() => undefined))?.close()
  }
}
