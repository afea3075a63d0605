/** Two API keys with something of everything: what one owns, the other must neither see nor change. */
import { z } from 'zod'
import { BANK_TYPE } from '../contract/bank.ts'
import { type CreateKey, NewKey } from '../contract/key.ts'
import { Claims, LEASE_HEADER, SEED_HEADER } from '../contract/runner.ts'
import { Story } from '../contract/story-view.ts'
import { pngOf } from '../local/chaos/png.ts'
import { smallBank } from './bank.ts'
import { steadyFetch } from './fuzz-fetch.ts'
import type { Known } from './fuzz-requests.ts'
import { RUNNER_TOKEN } from './worker.ts'

/** In everything that the other API key owns, and in nothing that is sent. */
export const MARK = 'belongs-to-somebody-else'

const Id = z.object({ id: z.string() })
const Models = z.object({
  results: z.array(z.object({ owner: z.string(), name: z.string(), latest_version: Id })).min(1),
})
const runner = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }

export interface World {
  known: Known
  /** Fitting credentials for a path. */
  fitting: (path: string) => string
  /** The path of an operator's request, who may do to others' stories what he likes: confined to those of nobody else. */
  confined: (path: string) => string
  /** What was deleted, has ended or was lost is there again, under other ids. */
  renew: () => Promise<void>
  /** All that the other key owns, as it sees it: nothing may touch that. */
  othersThings: () => Promise<string>
}

/** @param admin the key of an operator, of whom nobody else knows. */
export async function makeWorld(url: string, admin: string): Promise<World> {
  const operator = `Bearer ${admin}`
  let runners = 0
  const keyOf = async (name: string, about: Partial<CreateKey> = {}) => {
    const { id, key } = NewKey.parse(await post('/keys', operator, { name, ...about }))
    return { authorization: `Bearer ${key}`, id }
  }
  const own = await keyOf('own')
  const limited = await keyOf('admin', { scopes: ['admin'] })
  const other = await keyOf('other')
  const answer = await steadyFetch(`${url}/v1/models`, { headers: { authorization: own.authorization } })
  const model = Models.parse(await answer.json()).results[0]!
  const theirs = await furnish(other.authorization, MARK)
  // Over, so that no runner is told of it, which it may be.
  await release(theirs)
  await post(`/stories/${theirs.story}/cancel`, other.authorization)
  const credentials = { own: own.authorization, admin: limited.authorization, runner: runner.authorization }
  const known: Known = {
    params: {
      ...{ owner: [model.owner], name: [model.name], version: [model.latest_version.id] },
      ...{ file: ['0.png', '0-1.png', '1.png', '11.png'], index: ['0', '1'], sha256: ['0'.repeat(64)], id: [] },
    },
    headers: { [LEASE_HEADER]: [], [SEED_HEADER]: ['0', '11'], 'cancel-after': ['90s', '1h'] },
    fields: { type: ['story.started', 'story.progress', 'story.failed', 'story.completed', 'story.canceled'] },
    credentials: Object.values(credentials),
  }
  const none = 'a'.repeat(26)
  const world = {
    known,
    fitting: (path: string) =>
      credentials[/^\/(keys|admin)/.test(path) ? 'admin' : /^\/runner/.test(path) ? 'runner' : 'own'],
    confined: (path: string) => {
      const spared = path.replaceAll(theirs.story, none).replaceAll(theirs.prediction, none)
      if (!/^\/admin\/stories\/?(\?|$)/.test(path) || /[?&]key=/.test(path)) return spared
      return `${spared}${path.includes('?') ? '&' : '?'}key=${own.id}`
    },
    renew,
    othersThings,
  }
  await renew()
  return world

  async function othersThings(): Promise<string> {
    const { story, prediction, character, file } = theirs
    const paths = [
      `/stories/${story}`,
      `/v1/predictions/${prediction}`,
      `/characters/${character}`,
      `/v1/files/${file}`,
    ]
    const lists = ['/stories', '/characters', '/v1/files', '/webhooks/secret']
    const headers = { authorization: other.authorization }
    const texts = await Promise.all(
      [...paths, ...lists].map(async (path) => (await steadyFetch(url + path, { headers })).text()),
    )
    // Links are signed anew.
    return texts.join('\n').replace(/\bexp=[^"]*/g, '')
  }

  async function renew(): Promise<void> {
    const mine = await furnish(own.authorization, 'mine')
    const spare = await keyOf('spare')
    const ended = Story.parse(await post('/stories', own.authorization, storyOf('mine')))
    await post(`/stories/${ended.id}/cancel`, own.authorization)
    const ofStory = [mine.story, mine.story, mine.story, ended.id, theirs.story]
    known.params.id = [
      ...[...ofStory, mine.prediction, theirs.prediction, mine.character, theirs.character, mine.file, theirs.file],
      ...[`msg_${ended.id}_completed`, `msg_${theirs.story}_completed`, spare.id, 'key_x'],
    ]
    known.headers[LEASE_HEADER] = [mine.lease, mine.lease, theirs.lease]
    Object.assign(known.fields, { story_id: ofStory, lease_token: known.headers[LEASE_HEADER] })
  }

  /** One of everything; the story is claimed, and its bank and first frame are there. */
  async function furnish(authorization: string, text: string) {
    const id = async (path: string, body: object) => Id.parse(await post(path, authorization, body)).id
    const input = { prompt: text }
    const prediction = await id('/v1/predictions', { version: model.latest_version.id, input })
    // Predictions are told apart from stories by their ids alone, and are over at once.
    await post(`/v1/predictions/${prediction}/cancel`, authorization)
    const character = await id('/characters', { name: text, description: text })
    const form = new FormData()
    form.set('content', new File([text], text))
    const stored = await steadyFetch(`${url}/v1/files`, { method: 'POST', headers: { authorization }, body: form })
    const { id: file } = Id.parse(await stored.json())
    const story = await id('/stories', storyOf(text))
    const lease = await claim(story)
    await steadyFetch(`${url}/runner/stories/${story}/frames/0`, {
      method: 'PUT',
      headers: { ...runner, 'content-type': 'image/png', [LEASE_HEADER]: lease, [SEED_HEADER]: '1' },
      body: pngOf(0, text),
    })
    await steadyFetch(`${url}/runner/stories/${story}/bank`, {
      method: 'PUT',
      headers: { ...runner, 'content-type': BANK_TYPE, [LEASE_HEADER]: lease },
      body: smallBank([{ id: 'fox', name: text, description: text }]),
    })
    return { story, lease, prediction, character, file }
  }

  /** The lease of a story; what is claimed before it is left to its lease. */
  async function claim(story: string): Promise<string> {
    for (;;) {
      // A runner each time: what the requests report of one would have it set aside.
      const name = `fuzz-${++runners}`
      const body = JSON.stringify({ runner: name, model: 'story-mini', max: 50, wait: 1 })
      const answer = await steadyFetch(`${url}/runner/claim`, { method: 'POST', headers: runner, body })
      if (answer.status !== 200) continue
      const claim = Claims.parse(await answer.json()).claims.find(({ id }) => id === story)
      if (claim) return claim.lease_token
    }
  }

  async function release({ story, lease }: { story: string; lease: string }): Promise<void> {
    const headers = { authorization: runner.authorization, [LEASE_HEADER]: lease }
    const answer = await steadyFetch(`${url}/runner/stories/${story}/release`, { method: 'POST', headers })
    if (!answer.ok) throw new Error(`release: ${answer.status} ${await answer.text()}`)
  }

  async function post(path: string, authorization: string, body?: object): Promise<unknown> {
    const headers = { authorization, 'content-type': 'application/json', prefer: 'respond-async' }
    const init = { method: 'POST', headers, ...(body && { body: JSON.stringify(body) }) }
    const answer = await steadyFetch(url + path, init)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
}

const storyOf = (text: string) => ({
  // Runners that are announced at random may serve others.
  model: 'story-mini',
  title: text,
  frames: [{ prompt: text }, { prompt: text }],
  metadata: { text },
  priority: 'high',
  webhook: `https://app.example/${text}`,
})
