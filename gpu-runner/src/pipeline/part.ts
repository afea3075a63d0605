/** One network of an open model. */
import type { HostTensor, Session } from '../runtime/session.ts'
import { ModelError } from './folder.ts'

/** A network gave values that are no numbers. */
export class NotFinite extends Error {
  override name = 'NotFinite'
  readonly part: string
  constructor(part: string, output: string, where: string) {
    super(`${part} gave values that are no finite numbers in '${output}'${where && ` at ${where}`}`)
    this.part = part
  }
}

/**
 * A network whose session can be released, with all memory it holds, and comes back at its next run. Every output is
 * checked to be finite.
 */
export class Part {
  readonly name: string
  readonly #create: () => Promise<Session>
  readonly #running = new Set<Promise<unknown>>()
  #session: Promise<Session> | undefined

  constructor(name: string, create: () => Promise<Session>) {
    this.name = name
    this.#create = create
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

  /** `where` says in an error when it happened, such as 'step 3 of 25'. */
  async run(feeds: Readonly<Record<string, HostTensor>>, where = ''): Promise<Record<string, HostTensor>> {
    const running = this.open().then((session) => session.run(feeds))
    const ended = running.catch(() => {}).finally(() => this.#running.delete(ended))
    this.#running.add(ended)
    const outputs = await running
    for (const [name, { data }] of Object.entries(outputs))
      if (data instanceof Float32Array && !data.every(Number.isFinite)) throw new NotFinite(this.name, name, where)
    return outputs
  }

  /** Runs that are under way end first. */
  async release(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await Promise.all(this.#running)
    await (await session?.catch(() => undefined))?.close()
  }
}
