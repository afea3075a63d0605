/**
 * A simulated app with one API key: posts stories, cancels, resumes and deletes some, asks for webhooks again, and sends
 * again what was not answered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoryInput } from '../../contract/story.ts'
import { isTerminal, Story, StoryList } from '../../contract/story-view.ts'
import { DeliveryList } from '../../contract/webhook.ts'
import type { ClaimLog } from './claims.ts'
import { SECRET } from './faults.ts'
import type { History } from './history.ts'
import { pngOf } from './png.ts'
import type { Random } from './random.ts'
import { isExcused } from './runner-wire.ts'

export interface AppOptions {
  url: string
  /** The id of the key, and the key. */
  id: string
  apiKey: string
  models: string[]
  /** Where its webhooks may go. */
  webhooks: string[]
  random: Random
  /** Stories posted at once in the beginning, so that there is a queue. */
  burst: number
  claimLog: ClaimLog
  history: History
  /** Stores fail: an answer that says so is as good as none, and files and characters are uploaded as well. */
  faults: boolean
}

interface Posted {
  id: string
  idempotencyKey: string
  headers: Record<string, string>
  body: string
}

const PAUSE_MS = 150
const ACTS = {
  post: 60,
  'post again': 5,
  cancel: 8,
  resume: 12,
  read: 12,
  delete: 3,
  replay: 3,
  upload: 0,
  character: 0,
}
/** An upload of a hundred meets the fault that may leave its object without a name, so there have to be many. */
const ACTS_WITH_FAULTS = { ...ACTS, upload: 70, character: 45 }

export function simulateApp({
  url,
  id: key,
  apiKey,
  models,
  webhooks,
  random,
  burst,
  claimLog,
  history,
  faults,
}: AppOptions) {
  const posted: Posted[] = []
  const deleted = new Set<string>()
  let count = 0
  return { run, unfinished }

  /** Do something at random until `signal`. */
  async function run(signal: AbortSignal): Promise<void> {
    for (let n = 0; n < burst; n++) await post()
    while (!signal.aborted) {
      await act(random.pick(faults ? ACTS_WITH_FAULTS : ACTS))
      await sleep(2 * PAUSE_MS * random.next())
    }
  }

  async function act(what: keyof typeof ACTS): Promise<void> {
    const some = pickPosted()
    if (what === 'upload') return upload()
    if (what === 'character') return character()
    if (what === 'post' || !some) return post()
    if (what === 'post again') return deleted.has(some.id) ? undefined : postAgain(some)
    if (what === 'replay') return replay(some.id)
    if (what === 'delete') {
      // From now on its idempotency key may be forgotten, whether or not the answer comes.
      deleted.add(some.id)
      const answer = await call('DELETE', `/stories/${some.id}`)
      if (answer?.status === 202 || answer?.status === 204) history.deleted.push(some.id)
      else if (answer) history.faults.push(`DELETE /stories/${some.id}: ${answer.status}`)
      return
    }
    const [method, path] = what === 'read' ? ['GET', ''] : ['POST', `/${what}`]
    const answer = await call(method, `/stories/${some.id}${path}`)
    if (answer?.status !== 200) return
    const { status } = Story.parse(answer.body)
    if (isTerminal(status)) history.knownEnds.push({ story: some.id, status })
    else if (what === 'cancel') history.knownEnds.push({ story: some.id, status: 'canceled' })
  }

  /** Often one that probably runs, so that what is done to it crosses what its runner says. */
  function pickPosted(): Posted | undefined {
    const recent = new Set(random.chance(0.6) ? claimLog.recent() : [])
    const running = posted.filter(({ id }) => recent.has(id))
    const from = running.length > 0 ? running : posted
    return from[random.below(from.length)]
  }

  async function post(): Promise<void> {
    const headers: Record<string, string> = random.chance(0.06) ? { 'cancel-after': `${1 + random.below(5)}s` } : {}
    const story = { idempotencyKey: `${key}-${++count}`, headers, body: JSON.stringify(randomStory()) }
    // Sent again until it is answered, and now and then by several at once: under one key that makes one story.
    const copies = random.chance(0.15) ? 3 : 1
    let unsure = false
    for (;;) {
      const answers = await Promise.all(Array.from({ length: copies }, () => create(story)))
      const ids = new Set<string>()
      for (const answer of answers) {
        if (answer?.status === 202) {
          const { id, frames } = answer.body as { id: string; frames: unknown[] }
          if (ids.size === 0) {
            posted.push({ ...story, id })
            history.accepted.push({ id, key, frames: frames.length })
          }
          ids.add(id)
        } else if (answer && answer.status !== 429)
          history.faults.push(`POST /stories: ${answer.status} ${JSON.stringify(answer.body)}`)
      }
      if (ids.size > 1)
        history.seen.push({ rule: 'a request makes one story', evidence: `${story.idempotencyKey} made ${[...ids]}` })
      unsure ||= answers.includes(undefined)
      // A refusal counts only while every request was answered: otherwise there may be a story.
      if (ids.size > 0 || !unsure) return
      await sleep(300)
    }
  }

  async function postAgain(story: Posted): Promise<void> {
    const answer = await create(story)
    const id = answer?.status === 202 ? (answer.body as { id: string }).id : undefined
    if (id !== undefined && id !== story.id)
      history.seen.push({ rule: 'a request makes one story', evidence: `${story.idempotencyKey} made ${id} as well` })
  }

  function create({ idempotencyKey, headers, body }: Omit<Posted, 'id'>) {
    return call('POST', '/stories', { body, headers: { ...headers, 'idempotency-key': idempotencyKey } })
  }

  /** A file, which is deleted again at times. */
  async function upload(): Promise<void> {
    const body = new FormData()
    body.set('content', new Blob([String(random.next())]), 'a.txt')
    const answer = await call('POST', '/v1/files', { body })
    if (answer?.status === 201 && random.chance(0.3))
      await call('DELETE', `/v1/files/${(answer.body as { id: string }).id}`)
  }

  /** With a picture of a few that there are. Without an Idempotency-Key, so no fault can be called safe. */
  async function character(): Promise<void> {
    const picture = Buffer.from(pngOf(random.below(4))).toString('base64')
    const body = JSON.stringify({ name: 'Fox', description: SECRET, references: [`data:image/png;base64,${picture}`] })
    const answer = await call('POST', '/characters', { body })
    if (answer?.status === 201 && random.chance(0.5))
      await call('DELETE', `/characters/${(answer.body as { id: string }).id}`)
  }

  async function replay(id: string): Promise<void> {
    const answer = await call('GET', `/webhooks/deliveries?story=${id}&limit=50`)
    if (answer?.status !== 200) return
    const { results } = DeliveryList.parse(answer.body)
    const message = results[random.below(results.length)]
    if (message) await call('POST', `/webhooks/deliveries/${message.id}/replay`)
  }

  function randomStory(): StoryInput {
    const webhook = random.chance(0.7) ? webhooks[random.below(webhooks.length)] : undefined
    return {
      frames: Array.from({ length: 1 + random.below(3) }, (_, index) => ({
        prompt: `${faults ? SECRET : 'frame'} ${index}`,
      })),
      priority: random.pick({ low: 1, normal: 4, high: 1 }),
      ...(models.length > 0 && { model: models[random.below(models.length)]! }),
      ...(webhook !== undefined && {
        webhook,
        webhook_events_filter: ['start', 'frame', 'completed', ...(faults ? ['progress' as const] : [])],
      }),
      deadline: {
        start_within: random.chance(0.06) ? 1 + random.below(3) : null,
        run_within: random.chance(0.06) ? 1 : null,
      },
    }
  }

  /**
   * How much of the key is not over: stories that have not ended or are not erased yet, and webhooks that have yet to go
   * to one of `reliable`. Undefined when the edge did not answer.
   */
  async function unfinished(reliable: string[], isErased = true): Promise<number | undefined> {
    let left = 0
    for (let path: string | null = '/stories?limit=50'; path !== null; ) {
      const answer = await call('GET', path)
      if (answer?.status !== 200) return undefined
      const page = StoryList.parse(answer.body)
      const isOver = (story: Story) =>
        isTerminal(story.status) && (story.data_removed || !isErased || !history.deleted.includes(story.id))
      left += page.results.filter((story) => !isOver(story)).length
      path = page.next
    }
    // There are thousands of messages, which are not worth reading before that.
    if (left > 0) return left
    for (let path: string | null = '/webhooks/deliveries?limit=50'; path !== null; ) {
      const answer = await call('GET', path)
      if (answer?.status !== 200) return undefined
      const page = DeliveryList.parse(answer.body)
      const isPending = (status: string) => status === 'pending' || status === 'waiting'
      left += page.results.filter(({ url, status }) => reliable.includes(url) && isPending(status)).length
      path = page.next
    }
    return left
  }

  async function call(
    method = 'GET',
    path = '',
    init: { body?: string | FormData; headers?: Record<string, string> } = {},
  ) {
    const type = init.body instanceof FormData ? {} : { 'content-type': 'application/json' }
    const headers = { authorization: `Bearer ${apiKey}`, ...type, ...init.headers }
    try {
      const signal = AbortSignal.timeout(20_000)
      const response = await fetch(new URL(path, url), { method, ...init, headers, signal })
      const text = await response.text()
      if (faults && isExcused(response)) {
        const isRepeatable = method !== 'POST' || 'idempotency-key' in headers
        if (!isRepeatable && /safe to/.test(text))
          history.seen.push({ rule: 'only what is safe is called so', evidence: `${method} ${path}: ${text}` })
        return undefined
      }
      if (response.status >= 500) history.faults.push(`${method} ${path}: ${response.status} ${text}`)
      return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
    } catch (error) {
      if (error instanceof SyntaxError) history.faults.push(`${method} ${path}: ${error.message}`)
      return undefined
    }
  }
}
