/** One model and its one slot, as Cog has it: whether it is ready, what is under way, and how it ends. */
import type { PredictionEvent } from '../../../contract/prediction.ts'
import { PredictionInput, storyOf } from '../../../contract/prediction.ts'
import { StoryRequest } from '../../../contract/story.ts'
import type { StoryGenerator } from '../service/queue/attempt.ts'
import { publish } from './outputs.ts'
import { Prediction } from './prediction.ts'
import { webhookSender } from './webhooks.ts'

export type Health = 'STARTING' | 'READY' | 'BUSY' | 'SETUP_FAILED' | 'DEFUNCT'

export interface Setup {
  started_at: string
  completed_at: string | null
  status: 'starting' | 'succeeded' | 'failed'
  logs: string
}

export interface ServiceOptions {
  /** Where finished frames are put; without it they are data URIs. */
  uploadUrl?: string | undefined
  webhookToken?: string | undefined
  /** Events that a stream which joins late is told of. */
  history?: number
  newSeed?: () => number
}

export interface Wanted {
  id: string
  input: Record<string, unknown>
  webhook: string | undefined
  events: readonly PredictionEvent[]
  filePrefix: string | undefined
  trace: Record<string, string>
}

/** A fault of the input; the path begins in `input`. */
export interface InputFault {
  path: PropertyKey[]
  message: string
}

const HISTORY = 1024
const known = new Set(Object.keys(PredictionInput.shape))

export class CogService {
  readonly setup: Setup = { started_at: new Date().toISOString(), completed_at: null, status: 'starting', logs: '' }
  readonly #generator: StoryGenerator & { open(): Promise<unknown> }
  readonly #options: ServiceOptions
  #prediction: Prediction | undefined
  #isDefunct = false
  /** Webhooks that are under way. */
  readonly #sending = new Set<Promise<unknown>>()

  constructor(generator: StoryGenerator & { open(): Promise<unknown> }, options: ServiceOptions = {}) {
    this.#generator = generator
    this.#options = options
  }

  /** Open the model. Does not throw: `health` says how it went. */
  async open(): Promise<void> {
    try {
      await this.#generator.open()
      this.setup.status = 'succeeded'
    } catch (error) {
      this.setup.status = 'failed'
      this.setup.logs = `${error instanceof Error ? error.message : error}\n`
    }
    this.setup.completed_at = new Date().toISOString()
  }

  get health(): Health {
    if (this.setup.status === 'starting') return 'STARTING'
    if (this.setup.status === 'failed') return 'SETUP_FAILED'
    if (this.#isDefunct) return 'DEFUNCT'
    return this.#prediction ? 'BUSY' : 'READY'
  }

  /** The prediction under way that is so called. What is over is forgotten. */
  find(id: string): Prediction | undefined {
    return this.#prediction?.state.id === id ? this.#prediction : undefined
  }

  /** The story of an input, without fields that are not known, or what is wrong with it. */
  read(input: Record<string, unknown>): { story: StoryRequest } | { faults: InputFault[] } {
    const ours = Object.fromEntries(Object.entries(input).filter(([name]) => known.has(name)))
    const posted = storyOf(ours)
    if ('faults' in posted) return posted
    const story = StoryRequest.safeParse(posted.story)
    if (story.success) return { story: story.data }
    return { faults: story.error.issues.map(({ path, message }) => ({ path, message })) }
  }

  /** Begin; `busy` while another is under way, `not-ready` while there is no model. */
  begin(wanted: Wanted, story: StoryRequest): Prediction | 'busy' | 'not-ready' {
    if (this.health === 'BUSY') return 'busy'
    if (this.health !== 'READY') return 'not-ready'
    const { uploadUrl, webhookToken, history = HISTORY, newSeed = randomSeed } = this.#options
    const { id, input, webhook, events, trace, filePrefix } = wanted
    const base = filePrefix ?? (uploadUrl === undefined ? undefined : `${uploadUrl.replace(/\/$/, '')}/`)
    const sender =
      webhook === undefined ? undefined : webhookSender({ url: webhook, events, token: webhookToken, trace })
    const prediction = new Prediction(
      {
        ...{ id, input, story, history, seed: story.seed ?? newSeed() },
        publish: (png, name, signal) => publish(base, png, name, signal),
      },
      this.#generator,
      (event, state) => sender?.send(event, state),
    )
    this.#prediction = prediction
    void prediction.ended.then(() => {
      this.#prediction = undefined
      if (prediction.fault === 'machine') this.#isDefunct = true
      this.#keep(sender?.settled())
    })
    return prediction
  }

  /** False when there is none so called. */
  cancel(id: string): boolean {
    const prediction = this.find(id)
    prediction?.cancel()
    return prediction !== undefined
  }

  /** Cancel what is under way, and wait until that, and its last webhook, are over. */
  async stop(): Promise<void> {
    this.#prediction?.cancel()
    await this.#prediction?.ended
    await Promise.all(this.#sending)
  }

  #keep(work: Promise<unknown> | undefined): void {
    if (!work) return
    this.#sending.add(work)
    void work.finally(() => this.#sending.delete(work))
  }
}

const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0]!
