/** One prediction on Cog's wire: a story that is generated, as its state grows. */
import type { PredictionEvent } from '../../../contract/prediction.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { BadStory, BrokenMachine, type StoryGenerator } from '../service/queue/attempt.ts'

/** As Cog shows it; `predict_time` is in seconds. */
export interface PredictionState {
  id: string
  input: Record<string, unknown>
  status: 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled'
  output: string[] | null
  logs: string
  error: string | null
  metrics: { predict_time?: number; frames?: number }
  created_at: string
  started_at: string | null
  completed_at: string | null
}

/** What a stream of events is told, by name. */
export type StreamEvent =
  | { event: 'start'; data: Pick<PredictionState, 'id' | 'status'> }
  | { event: 'output'; data: { chunk: string; index: number } }
  | { event: 'log'; data: { source: 'stdout'; data: string } }
  | { event: 'metric'; data: { name: string; value: number; mode: 'replace' } }
  | { event: 'completed'; data: PredictionState }

export interface PredictionOptions {
  id: string
  input: Record<string, unknown>
  story: StoryRequest
  seed: number
  /** Where a finished frame goes: what the output says of it. */
  publish: (png: Uint8Array, name: string, signal: AbortSignal) => Promise<string>
  /** Events that a new listener is told of those that have been; 0 for none. */
  history: number
}

export class Prediction {
  readonly state: PredictionState
  /** Resolves when the prediction is over. */
  readonly ended: Promise<void>
  /** How it failed: its input was at fault, or this machine, which cannot generate anything. */
  fault: 'input' | 'machine' | undefined
  readonly #abort = new AbortController()
  readonly #options: PredictionOptions
  readonly #webhooks: (event: PredictionEvent, state: PredictionState) => void
  readonly #events: StreamEvent[] = []
  #dropped = 0
  readonly #listeners = new Set<(event: StreamEvent) => void>()

  constructor(
    options: PredictionOptions,
    generator: StoryGenerator,
    webhooks: (event: PredictionEvent, state: PredictionState) => void,
  ) {
    const { id, input } = options
    this.#options = options
    this.#webhooks = webhooks
    const empty = { output: null, logs: '', error: null, metrics: {}, started_at: null, completed_at: null }
    this.state = { id, input, status: 'starting', ...empty, created_at: new Date().toISOString() }
    this.ended = this.#run(generator)
  }

  cancel(): void {
    this.#abort.abort(new Error('canceled'))
  }

  /**
   * Events so far and from now on, until `stop`. Undefined when some were dropped: `dropped` says how many.
   */
  listen(onEvent: (event: StreamEvent) => void): { past: StreamEvent[]; dropped: number; stop: () => number } {
    this.#listeners.add(onEvent)
    const stop = () => {
      this.#listeners.delete(onEvent)
      return this.#listeners.size
    }
    return { past: [...this.#events], dropped: this.#dropped, stop }
  }

  async #run(generator: StoryGenerator): Promise<void> {
    // The caller gets to listen first.
    await Promise.resolve()
    const { story, seed, publish, id } = this.#options
    const { signal } = this.#abort
    const { state } = this
    const started = performance.now()
    this.#webhooks('start', state)
    state.started_at = new Date().toISOString()
    state.status = 'processing'
    this.#tell({ event: 'start', data: { id, status: state.status } })
    try {
      const readStored = async (sha256: string): Promise<never> => {
        throw new BadStory(`sha256:${sha256} is kept by an edge; this server has none. Give a URL or a data URI`)
      }
      const frames = new Map<number, string>()
      for await (const event of generator.generate(story, {
        seed,
        signal,
        skip: new Set(),
        finished: {},
        readStored,
      })) {
        signal.throwIfAborted()
        if (event.type === 'stage') this.#log(`${event.stage}\n`)
        if (event.type === 'step') this.#log(progressLine(event.step, event.steps))
        if (event.type !== 'frame') continue
        const url = await publish(event.png, `frame-${event.index}.png`, signal)
        frames.set(event.index, url)
        state.output = Array.from(frames.entries())
          .sort(([a], [b]) => a - b)
          .map(([, url]) => url)
        this.#tell({ event: 'output', data: { chunk: url, index: event.index } })
        this.#webhooks('output', state)
      }
      signal.throwIfAborted()
      state.metrics.frames = frames.size
      this.#tell({ event: 'metric', data: { name: 'frames', value: frames.size, mode: 'replace' } })
      state.status = 'succeeded'
    } catch (error) {
      state.status = signal.aborted ? 'canceled' : 'failed'
      if (!signal.aborted) state.error = error instanceof Error ? error.message : String(error)
      this.fault = error instanceof BadStory ? 'input' : error instanceof BrokenMachine ? 'machine' : undefined
    }
    state.metrics.predict_time = Math.round(performance.now() - started) / 1000
    state.completed_at = new Date().toISOString()
    this.#tell({ event: 'completed', data: state })
    this.#webhooks('completed', state)
  }

  #log(text: string): void {
    this.state.logs += text
    this.#tell({ event: 'log', data: { source: 'stdout', data: text } })
    this.#webhooks('logs', this.state)
  }

  #tell(event: StreamEvent): void {
    this.#events.push(structuredClone(event))
    if (this.#events.length > this.#options.history) {
      this.#events.shift()
      // Without a history, those who come late are told of what is to come.
      if (this.#options.history > 0) this.#dropped++
    }
    for (const listener of this.#listeners) listener(event)
  }
}

/** As tqdm writes it, which Replicate's clients read. */
function progressLine(step: number, steps: number): string {
  const share = steps > 0 ? step / steps : 0
  return `${String(Math.round(100 * share)).padStart(3)}%|${'#'.repeat(Math.round(10 * share)).padEnd(10)}| ${step}/${steps}\n`
}
