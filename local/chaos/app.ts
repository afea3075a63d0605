/** A simulated app with one API key: posts stories, cancels and resumes some, and sends again what was not answered. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, type StoryInput, StoryList } from '../../contract/story.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'

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
  history: Pick<History, 'accepted' | 'faults'>
}

const PAUSE_MS = 150

export function simulateApp({ url, id: key, apiKey, models, webhooks, random, burst, history }: AppOptions) {
  const ids: string[] = []
  return { post, run, unfinished }

  /** Post, cancel and resume at random until `signal`. */
  async function run(signal: AbortSignal): Promise<void> {
    for (let n = 0; n < burst; n++) await post()
    while (!signal.aborted) {
      const act = random.pick({ post: 60, cancel: 6, resume: 12, read: 12 })
      const id = ids[random.below(ids.length)]
      if (act === 'post' || id === undefined) await post()
      else if (act === 'read') await call('GET', `/stories/${id}`)
      else await call('POST', `/stories/${id}/${act}`)
      await sleep(2 * PAUSE_MS * random.next())
    }
  }

  async function post(): Promise<void> {
    const body = JSON.stringify(randomStory())
    const once = `${key}-${ids.length}-${random.below(2 ** 30)}`
    // Sent again until it is answered: under one Idempotency-Key that makes one story.
    for (;;) {
      const answer = await call('POST', '/stories', { body, headers: { 'idempotency-key': once } })
      if (answer?.status === 202) {
        const { id, frames } = answer.body as { id: string; frames: unknown[] }
        ids.push(id)
        history.accepted.push({ id, key, frames: frames.length })
      } else if (answer && answer.status !== 429)
        history.faults.push(`POST /stories: ${answer.status} ${JSON.stringify(answer.body)}`)
      if (answer) return
      await sleep(300)
    }
  }

  function randomStory(): StoryInput {
    const webhook = random.chance(0.7) ? webhooks[random.below(webhooks.length)] : undefined
    return {
      frames: Array.from({ length: 1 + random.below(3) }, (_, index) => ({ prompt: `frame ${index}` })),
      priority: random.pick({ low: 1, normal: 4, high: 1 }),
      ...(models.length > 0 && { model: models[random.below(models.length)]! }),
      ...(webhook !== undefined && { webhook, webhook_events_filter: ['start', 'completed'] }),
      deadline: {
        start_within: random.chance(0.05) ? 1 + random.below(3) : null,
        run_within: random.chance(0.05) ? 1 : null,
      },
    }
  }

  /** How many stories of the key have not ended; undefined when the edge did not answer. */
  async function unfinished(): Promise<number | undefined> {
    let count = 0
    for (let path: string | null = '/stories?limit=50'; path !== null; ) {
      const answer = await call('GET', path)
      if (answer?.status !== 200) return undefined
      const page = StoryList.parse(answer.body)
      count += page.results.filter(({ status }) => !isTerminal(status)).length
      path = page.next
    }
    return count
  }

  async function call(method: string, path: string, init: { body?: string; headers?: Record<string, string> } = {}) {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...init.headers }
    try {
      const response = await fetch(new URL(path, url), {
        method,
        ...init,
        headers,
        signal: AbortSignal.timeout(20_000),
      })
      const body: unknown = await response.json()
      if (response.status >= 500) history.faults.push(`${method} ${path}: ${response.status} ${JSON.stringify(body)}`)
      return { status: response.status, body }
    } catch {
      return undefined
    }
  }
}
