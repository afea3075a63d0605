/**
 * The main thread's side of the sampler: opens the thread, generates stories on it one after the other, and notices when it
 * dies. A dead thread fails only the story that was on it; the next `open()` starts a new one.
 */
import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Model } from '../../../../contract/model.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { type GenerateOptions, type StoryEvent, StoryRejected } from '../../story/types.ts'
import type { Fault, SamplerCommand, SamplerReport, SamplerSettings } from './protocol.ts'

/** The thread, or the model in it, went away or failed: not by fault of the story, as far as is known. */
export class SamplerFailed extends Error {
  override name = 'SamplerFailed'
  readonly fault: Exclude<Fault, 'rejected'>
  constructor(message: string, fault: Exclude<Fault, 'rejected'> = 'failed', options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

type RunReport = Exclude<SamplerReport, { type: 'ready' }>

interface Thread {
  worker: Worker
  exited: Promise<number>
  model: Model
}

export class Sampler {
  readonly #settings: SamplerSettings
  /** Bytes of resident memory above which the thread is replaced between stories. */
  readonly #memoryLimit: number
  /** How long a step may go on after an abort before its thread is terminated, in milliseconds. */
  readonly #grace: number
  #thread: Thread | undefined
  #runs = 0

  constructor(settings: SamplerSettings, { memoryLimit = Number.POSITIVE_INFINITY, grace = 5000 } = {}) {
    this.#settings = settings
    this.#memoryLimit = memoryLimit
    this.#grace = grace
  }

  /** Load the model unless it is loaded; throws `SamplerFailed` when that cannot be done. */
  async open(): Promise<Model> {
    if (this.#thread && process.memoryUsage.rss() > this.#memoryLimit) await this.close()
    this.#thread ??= await this.#start()
    return this.#thread.model
  }

  /** As `StoryModel.generate`. Throws `StoryRejected` when the story is at fault and `SamplerFailed` when anything else is. */
  async *generate(
    request: StoryRequest,
    { seed, signal, skip, finished = {}, pictures = {}, bank }: GenerateOptions,
  ): AsyncGenerator<StoryEvent> {
    signal.throwIfAborted()
    await this.open()
    const { worker } = this.#thread!
    const run = ++this.#runs
    const reports = on(worker, 'message', { close: ['exit'] })
    let terminate: NodeJS.Timeout | undefined
    const stop = () => {
      send(worker, { type: 'abort', run })
      terminate ??= setTimeout(() => void worker.terminate(), this.#grace)
    }
    signal.addEventListener('abort', stop)
    send(worker, { type: 'generate', run, request, seed, skip: [...(skip ?? [])], finished, pictures, bank })
    let ended = false
    try {
      for (;;) {
        const report = await nextReport(reports, run).catch((error) => {
          ended = true
          throw signal.aborted ? signal.reason : error
        })
        ended = report.type !== 'event'
        signal.throwIfAborted()
        if (report.type === 'done') return
        if (report.type === 'failed') {
          const { fault, message } = report
          throw fault === 'rejected' ? new StoryRejected(message) : new SamplerFailed(message, fault)
        }
        yield report.event
      }
    } finally {
      signal.removeEventListener('abort', stop)
      // Left early: the thread is free for the next story only once it has said that it is done with this one.
      if (!ended) stop()
      while (!ended)
        ended = await nextReport(reports, run).then(
          (report) => report.type !== 'event',
          () => true,
        )
      clearTimeout(terminate)
      await reports.return?.()
    }
  }

  /** Unload the model; a step that outlasts the grace is cut off. */
  async close(): Promise<void> {
    const thread = this.#thread
    if (!thread) return
    this.#thread = undefined
    send(thread.worker, { type: 'close' })
    const terminate = setTimeout(() => void thread.worker.terminate(), this.#grace)
    await thread.exited
    clearTimeout(terminate)
  }

  async #start(): Promise<Thread> {
    const worker = new Worker(new URL('./sampler.ts', import.meta.url), { workerData: this.#settings, name: 'sampler' })
    const exited = new Promise<number>((resolve) => worker.once('exit', resolve))
    // Without this listener an error between two stories would take the whole process down.
    worker.on('error', () => {})
    const reports = on(worker, 'message', { close: ['exit'] })
    try {
      const { value, done } = await reports.next()
      if (done) throw new Error(`the thread exited with code ${await exited}`)
      const report: SamplerReport = value[0]
      if (report.type !== 'ready') throw new Error(`the thread began with '${report.type}' rather than 'ready'`)
      const thread = { worker, exited, model: report.model }
      void exited.then(() => {
        if (this.#thread === thread) this.#thread = undefined
      })
      return thread
    } catch (error) {
      throw new SamplerFailed(
        `the model in ${this.#settings.folder} could not be opened: ${message(error)}`,
        'failed',
        {
          cause: error,
        },
      )
    } finally {
      await reports.return?.()
    }
  }
}

/** The next word about `run`; throws `SamplerFailed` when the thread dies instead. */
async function nextReport(reports: AsyncIterator<SamplerReport[]>, run: number): Promise<RunReport> {
  for (;;) {
    const next = await reports.next().catch((error) => {
      throw new SamplerFailed(`the sampler thread died: ${message(error)}`, 'failed', { cause: error })
    })
    if (next.done) throw new SamplerFailed('the sampler thread exited in the middle of a story')
    const report = next.value[0]!
    if (report.type !== 'ready' && report.run === run) return report
  }
}

function send(worker: Worker, command: SamplerCommand): void {
  worker.postMessage(command)
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
