/** What apps have learnt, by webhooks and by answers. */
import { isTerminal, type StoryStatus } from '../../contract/story-view.ts'
import type { History, Violation } from './history.ts'

const WEBHOOK_OF: Partial<Record<StoryStatus, string>> = {
  succeeded: 'story.completed',
  failed: 'story.failed',
  canceled: 'story.canceled',
  expired: 'story.expired',
}
const TERMINAL = Object.values(WEBHOOK_OF)

/** Each end of a story is announced once, as what it is, under a signature that is right. */
export function* webhooks({ stories, transitions, outbox, received, forged, reliable }: History): Generator<Violation> {
  if (forged > 0) yield { rule: 'webhooks are signed', evidence: `${forged} had a wrong signature` }
  const byStory = Map.groupBy(outbox, (message) => message.story)
  const endsOf = Map.groupBy(
    transitions.filter(({ to, from }) => isTerminal(to) && from !== to),
    ({ story }) => story,
  )
  const erased = new Set(stories.filter(({ removed }) => removed).map(({ id }) => id))
  for (const story of stories.filter(({ id }) => !erased.has(id))) {
    const messages = byStory.get(story.id) ?? []
    const types = messages.map(({ type }) => type).filter((type) => TERMINAL.includes(type))
    const due = story.webhook === null ? [] : (endsOf.get(story.id) ?? []).map(({ to }) => WEBHOOK_OF[to])
    const about = `${story.id} is ${story.status}; enqueued [${types}] for [${due}]`
    if (types.length > due.length) yield { rule: 'no second terminal webhook', evidence: about }
    else if (types.toSorted().join() !== due.toSorted().join()) yield { rule: 'each end is announced', evidence: about }
    const failed = messages.filter(({ delivered }) => !delivered)
    if (reliable.includes(story.webhook ?? '') && failed.length > 0)
      yield { rule: 'an endpoint that is well hears of everything', evidence: `not of ${failed.map(({ id }) => id)}` }
  }
  const known = new Map(outbox.map((message) => [message.id, message]))
  for (const { id, story, type, status } of received.filter(({ type }) => TERMINAL.includes(type))) {
    if (!erased.has(story) && known.get(id)?.story !== story)
      yield { rule: 'no webhook comes from nowhere', evidence: `${id} (${type}) of ${story} is not in the outbox` }
    if (WEBHOOK_OF[status] !== type)
      yield { rule: 'a webhook says what happened', evidence: `${id} is ${type} and shows ${status}` }
  }
  const copies = Map.groupBy(received, (message) => message.id)
  for (const [id, same] of copies)
    if (new Set(same.map((copy) => copy.body)).size > 1)
      yield { rule: 'every copy of a webhook is the same', evidence: id }
  for (const { id, delivered } of outbox)
    if (delivered && !copies.has(id))
      yield { rule: 'a webhook counts as delivered when it was', evidence: `${id} never came` }
  const latest = new Map<string, number>()
  // A map keeps the order in which the first copies came.
  for (const [id, [{ story } = { story: '' }]] of copies) {
    const sequence = known.get(id)?.sequence ?? Number.POSITIVE_INFINITY
    const before = latest.get(story) ?? 0
    if (sequence < before)
      yield { rule: 'webhooks of a story come in order', evidence: `${id}, its number ${sequence}, after ${before}` }
    latest.set(story, Math.max(before, Number.isFinite(sequence) ? sequence : 0))
  }
}

/** The end of a story that an app has learnt of is how it ended, unless it was taken up again; what was erased is gone. */
export function* answers({ stories, knownEnds, deleted, outbox, unneeded }: History): Generator<Violation> {
  const found = new Map(stories.map((story) => [story.id, story]))
  for (const { story: id, status } of knownEnds) {
    const story = found.get(id)
    if (story?.resumes === 0 && story.status !== status)
      yield { rule: 'an end that an app was told of stands', evidence: `${id} is ${story.status}, and was ${status}` }
  }
  for (const id of new Set(deleted)) {
    const story = found.get(id)
    const left = [
      ...(story?.removed ? [] : ['its content']),
      ...(story?.frames ?? []).filter(({ sha256 }) => sha256 !== '').map(({ index }) => `frame ${index}`),
      ...outbox.filter((message) => message.story === id).map((message) => message.id),
      ...unneeded.filter((picture) => picture.story === id).map(({ key }) => key),
    ]
    if (left.length > 0) yield { rule: 'nothing is left of a story that was deleted', evidence: `${id}: ${left}` }
  }
}
