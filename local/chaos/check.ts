/** Looks for what must never happen in the history of a run. Pure, so that it can be tried on planted violations. */
import { isTerminal, type StoryStatus } from '../../contract/story.ts'
import type { End, FinalStory, History, Transition } from './history.ts'

export interface Violation {
  rule: string
  /** What shows it. */
  evidence: string
}

const WEBHOOK_OF: Partial<Record<StoryStatus, string>> = {
  succeeded: 'story.completed',
  failed: 'story.failed',
  canceled: 'story.canceled',
  expired: 'story.expired',
}

/** Where a story may be after a runner has ended its work on it. */
const AFTER: Record<End, StoryStatus[]> = {
  'story.completed': ['succeeded', 'canceled'],
  'story.failed': ['queued', 'failed', 'canceled'],
  'story.canceled': ['canceled', 'failed'],
  release: ['queued', 'canceled'],
}

export function violationsOf(history: History): Violation[] {
  return [
    ...endings(history),
    ...frames(history),
    ...leases(history),
    ...webhooks(history),
    ...caps(history),
    ...fairness(history),
    ...history.faults.map((evidence) => ({ rule: 'the edge is never at fault', evidence })),
    ...history.miscounted.map((evidence) => ({ rule: 'the counters of the queue are right', evidence })),
  ]
}

/** Every accepted story ends, exactly once for each time it was taken up, and stays as it ended. */
function* endings({ accepted, stories, transitions }: History): Generator<Violation> {
  const found = new Map(stories.map((story) => [story.id, story]))
  const ends = Map.groupBy(
    transitions.filter(({ from, to }) => isTerminal(to) && from !== to),
    ({ story }) => story,
  )
  for (const { id } of accepted)
    if (!found.has(id)) yield { rule: 'no accepted story is lost', evidence: `${id} is not in the database` }
  const known = new Set(accepted.map(({ id }) => id))
  for (const story of stories) {
    if (!known.has(story.id))
      yield { rule: 'a request makes one story', evidence: `${story.id} is none that an app was told of` }
    const times = ends.get(story.id) ?? []
    const about = `${story.id} is ${story.status}, resumed ${story.resumes} times; it ended as [${times.map(({ to }) => to)}]`
    if (!isTerminal(story.status)) yield { rule: 'every story ends', evidence: about }
    else if (times.length !== story.resumes + 1) yield { rule: 'a story ends once', evidence: about }
    else if (times.at(-1)?.to !== story.status) yield { rule: 'a story stays as it ended', evidence: about }
    if (story.deadLetter && (story.status !== 'failed' || story.attempt > story.maxAttempts))
      yield {
        rule: 'dead letters are failures within bounds',
        evidence: `${about}, attempt ${story.attempt} of ${story.maxAttempts}`,
      }
  }
}

/** Nothing that a runner was told is stored goes missing, and a story that succeeded is whole. */
function* frames({ accepted, stories, frameAcks }: History): Generator<Violation> {
  const found = new Map(stories.map((story) => [story.id, story]))
  for (const { id, frames: asked } of accepted) {
    const story = found.get(id)
    const indexes = new Set(story?.frames.map((frame) => frame.index))
    const missing = Array.from({ length: asked }, (_, index) => index).filter((index) => !indexes.has(index))
    if (story?.status === 'succeeded' && missing.length > 0)
      yield { rule: 'a story that succeeded has every frame', evidence: `${id} lacks the frames [${missing}]` }
  }
  for (const { story, index, sha256 } of frameAcks) {
    const kept = found.get(story)?.frames.find((frame) => frame.index === index)
    if (kept?.sha256 !== sha256)
      yield {
        rule: 'a frame that was acknowledged is kept',
        evidence: `${story}/${index}: acknowledged ${sha256}, kept ${kept?.sha256}`,
      }
  }
}

/** What a runner was told took effect did so, under the lease it showed: who has lost a lease changes nothing. */
function* leases({ stories, transitions, frameAcks, endAcks }: History): Generator<Violation> {
  const found = new Map(stories.map((story) => [story.id, story]))
  const byStory = Map.groupBy(transitions, ({ story }) => story)
  const rule = 'a stale write is refused'
  for (const { story, index, leaseToken, own } of frameAcks) {
    const kept = found.get(story)?.frames.find((frame) => frame.index === index)
    if (own && kept && kept.lease !== leaseToken)
      yield { rule, evidence: `${story}/${index} was taken from ${leaseToken} while the lease was ${kept.lease}` }
  }
  for (const { story, leaseToken, what } of endAcks) {
    const changes = (byStory.get(story) ?? []).filter(({ from, to }) => from === 'running' && to !== 'running')
    const its = changes.filter(({ lease, to }) => lease === leaseToken && AFTER[what].includes(to))
    const about = `${what} of ${story} was taken from ${leaseToken}; runs ended as [${changes.map(({ lease, to }) => `${lease}: ${to}`)}]`
    if (its.length === 0) yield { rule, evidence: about }
    if (its.some(({ to }) => to === 'succeeded') && found.get(story)?.status !== 'succeeded')
      yield { rule: 'a completion that was acknowledged stands', evidence: `${story} is ${found.get(story)?.status}` }
  }
}

/** Each end of a story is announced once, as what it is, under a signature that is right. */
function* webhooks({ stories, transitions, owed, received, forged }: History): Generator<Violation> {
  if (forged > 0) yield { rule: 'webhooks are signed', evidence: `${forged} had a wrong signature` }
  const byStory = Map.groupBy(owed, (message) => message.story)
  const endsOf = Map.groupBy(
    transitions.filter(({ to, from }) => isTerminal(to) && from !== to),
    ({ story }) => story,
  )
  for (const story of stories) {
    const types = (byStory.get(story.id) ?? []).map(({ type }) => type)
    const due = story.webhook === null ? [] : (endsOf.get(story.id) ?? []).map(({ to }) => WEBHOOK_OF[to])
    const about = `${story.id} is ${story.status}; owed [${types}] for [${due}]`
    if (types.length > due.length) yield { rule: 'no second terminal webhook', evidence: about }
    else if (types.toSorted().join() !== due.toSorted().join()) yield { rule: 'each end is announced', evidence: about }
  }
  const known = new Map(owed.map((message) => [message.id, message]))
  const terminal = received.filter(({ type }) => Object.values(WEBHOOK_OF).includes(type))
  for (const { id, story, type, status } of terminal) {
    if (known.get(id)?.story !== story)
      yield { rule: 'no webhook comes from nowhere', evidence: `${id} (${type}) of ${story} is not in the outbox` }
    if (WEBHOOK_OF[status] !== type)
      yield { rule: 'a webhook says what happened', evidence: `${id} is ${type} and shows ${status}` }
  }
  for (const [id, copies] of Map.groupBy(received, (message) => message.id))
    if (new Set(copies.map((copy) => copy.body)).size > 1)
      yield { rule: 'every copy of a webhook is the same', evidence: id }
  const arrived = new Set(received.map((message) => message.id))
  for (const { id, delivered } of owed)
    if (delivered && !arrived.has(id))
      yield { rule: 'a webhook counts as delivered when it was', evidence: `${id} never came` }
}

/** No key ever has more stories running than it may. */
function* caps({ keys, transitions }: History): Generator<Violation> {
  const running = new Map(keys.map((key) => [key.id, 0]))
  for (const { seq, key, from, to } of transitions) {
    const now = (running.get(key) ?? 0) + Number(to === 'running') - Number(from === 'running')
    running.set(key, now)
    const cap = keys.find(({ id }) => id === key)?.maxRunning ?? 0
    if (to === 'running' && now > cap)
      yield { rule: 'caps are exact', evidence: `at ${seq}, key ${key} has ${now} running of ${cap}` }
  }
}

/**
 * While two keys both have stories ready and room to run them, their shares of what is served agree with their weights:
 * served / weight never drifts apart by more than a stride of each, 1 / weight + 1 / other weight.
 */
function* fairness({ keys, transitions }: History): Generator<Violation> {
  for (const model of new Set(transitions.map((change) => change.model)))
    for (const [i, first] of keys.entries())
      for (const second of keys.slice(i + 1)) {
        const bound = 1 / first.weight + 1 / second.weight + 1e-9
        const drift = widestDrift(model, transitions, first, second)
        if (drift > bound)
          yield {
            rule: 'keys are served by their weights',
            evidence: `${model}: ${first.id} and ${second.id} drifted apart by ${drift.toFixed(2)}, bound ${bound.toFixed(2)}`,
          }
      }
}

type Key = History['keys'][number]

function widestDrift(model: string, transitions: Transition[], first: Key, second: Key): number {
  const state = new Map([first, second].map((key) => [key.id, { key, ready: new Set<string>(), running: 0 }]))
  const isEligible = () =>
    [...state.values()].every(({ key, ready, running }) => ready.size > 0 && running < key.maxRunning)
  let widest = 0
  let drift = 0
  let low = 0
  let high = 0
  for (const { story, key, from, to, ready, model: its } of transitions) {
    const one = state.get(key)
    if (!one) continue
    const before = isEligible()
    one.running += Number(to === 'running') - Number(from === 'running')
    if (its === model) {
      if (ready) one.ready.add(story)
      else one.ready.delete(story)
    }
    const served = its === model && to === 'running' && from !== 'running'
    if (before && served) {
      drift += (key === first.id ? 1 : -1) / one.key.weight
      low = Math.min(low, drift)
      high = Math.max(high, drift)
      widest = Math.max(widest, high - low)
    }
    if (!isEligible()) drift = low = high = 0
  }
  return widest
}

export const describe = (stories: FinalStory[]) =>
  [...Map.groupBy(stories, (story) => story.status)].map(([status, some]) => `${some.length} ${status}`).join(', ')
