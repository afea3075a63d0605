/** Leases: who has lost one changes nothing, who has one keeps it, and there is an end to attempts and to waiting. */
import { isTerminal, type StoryStatus } from '../../contract/story-view.ts'
import type { End, History, Transition, Violation } from './history.ts'

/** How often a story is tried when machines fail. */
const ATTEMPTS = 3

/** Where a story may be after a runner has ended its work on it. */
const AFTER: Record<End, StoryStatus[]> = {
  'story.completed': ['succeeded', 'canceled'],
  'story.failed': ['queued', 'failed', 'canceled'],
  'story at fault': ['failed', 'canceled'],
  'story.canceled': ['canceled', 'failed'],
  release: ['queued', 'canceled'],
}

const isRun = ({ from, to }: Transition) => from === 'running' && to !== 'running'

/** What a runner was told took effect did so, under the lease it showed. */
export function* fence({ stories, transitions, frameAcks, endAcks }: History): Generator<Violation> {
  const found = new Map(stories.map((story) => [story.id, story]))
  const byStory = Map.groupBy(transitions, ({ story }) => story)
  const rule = 'a stale write is refused'
  for (const { story, index, leaseToken, own } of frameAcks) {
    const kept = found.get(story)?.frames.find((frame) => frame.index === index)
    if (own && kept && kept.lease !== leaseToken)
      yield { rule, evidence: `${story}/${index} was taken from ${leaseToken} while the lease was ${kept.lease}` }
  }
  for (const { story, leaseToken, what } of endAcks) {
    const runs = (byStory.get(story) ?? []).filter(isRun)
    const its = runs.filter(({ lease, to }) => lease === leaseToken && AFTER[what].includes(to))
    const about = `${what} of ${story} was taken from ${leaseToken}; runs ended as [${runs.map(({ lease, to }) => `${lease}: ${to}`)}]`
    if (its.length === 0) yield { rule, evidence: about }
    if (its.some(({ to }) => to === 'succeeded') && found.get(story)?.status !== 'succeeded')
      yield { rule: 'a completion that was acknowledged stands', evidence: `${story} is ${found.get(story)?.status}` }
  }
}

/** Nobody loses a lease before the end that the edge had named, unless its holder asked for that. */
export function* promises({ transitions, promised, ending }: History): Generator<Violation> {
  for (const { seq, story, lease, at, to } of transitions.filter(isRun)) {
    const until = promised.get(lease ?? '')?.until
    if (lease !== null && at !== null && until !== undefined && at < until && !ending.has(lease))
      yield {
        rule: 'a lease lasts as long as was promised',
        evidence: `at ${seq}, ${story} became ${to} ${until - at} ms before the end of ${lease}`,
      }
  }
}

/** Attempts that have begun are counted, those that never began or were handed back are not. */
export function* attempts({ stories, transitions, started, handedBack }: History): Generator<Violation> {
  const byStory = Map.groupBy(transitions, ({ story }) => story)
  for (const { id, status, deadLetter } of stories) {
    let runs: Transition[] = []
    for (const change of byStory.get(id) ?? []) {
      if (change.from !== null && isTerminal(change.from)) runs = []
      if (isRun(change)) runs.push(change)
      const counted = runs.filter(({ lease }) => lease !== null && started.has(lease) && !handedBack.has(lease))
      const about = `${id}, ${status}: ${counted.length} of ${runs.length} runs counted`
      if (isRun(change) && counted.length > ATTEMPTS) yield { rule: 'attempts have an end', evidence: about }
      if (change.to === 'expired' && counted.length > 0)
        yield { rule: 'what has been started does not expire', evidence: about }
    }
    if (deadLetter && (status !== 'failed' || runs.length < ATTEMPTS))
      yield { rule: 'dead letters have failed often enough', evidence: `${id}, ${status}: ${runs.length} runs` }
  }
}

/** Deadlines end what is late, and nothing else. */
export function* deadlines({ transitions }: History): Generator<Violation> {
  for (const { seq, story, to, at, due, error } of transitions) {
    const about = `at ${seq}, ${story} became ${to} at ${at}, due ${due}`
    const isLate = due !== null && at !== null && at >= due
    if (to === 'running' && isLate) yield { rule: 'what is late is not claimed', evidence: about }
    if ((to === 'expired' || (to === 'failed' && error === 'run_timeout')) && !isLate)
      yield { rule: 'deadlines are not early', evidence: about }
  }
}
