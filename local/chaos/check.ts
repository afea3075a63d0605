/** Looks for what must never happen in the history of a run. Pure, so that it can be tried on planted violations. */
import { isTerminal } from '../../contract/story-view.ts'
import { attempts, deadlines, fence, promises } from './check-leases.ts'
import { caps, fairness } from './check-queue.ts'
import { stores } from './check-stores.ts'
import { answers, webhooks } from './check-webhooks.ts'
import type { FinalStory, History, Violation } from './history.ts'

export function violationsOf(history: History): Violation[] {
  return [
    ...endings(history),
    ...frames(history),
    ...fence(history),
    ...promises(history),
    ...attempts(history),
    ...deadlines(history),
    ...webhooks(history),
    ...answers(history),
    ...caps(history),
    ...fairness(history),
    ...stores(history),
    ...history.seen,
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
  const undone = new Set(
    transitions.filter(({ from, to }) => from === 'succeeded' && to !== from).map((change) => change.story),
  )
  for (const story of stories) {
    if (!known.has(story.id))
      yield { rule: 'a request makes one story', evidence: `${story.id} is none that an app was told of` }
    const times = ends.get(story.id) ?? []
    const about = `${story.id} is ${story.status}, resumed ${story.resumes} times; it ended as [${times.map(({ to }) => to)}]`
    if (undone.has(story.id)) yield { rule: 'success is for good', evidence: about }
    if (!isTerminal(story.status)) yield { rule: 'every story ends', evidence: about }
    else if (times.length !== story.resumes + 1) yield { rule: 'a story ends once', evidence: about }
    else if (times.at(-1)?.to !== story.status) yield { rule: 'a story stays as it ended', evidence: about }
  }
}

/** Nothing that a runner was told is stored goes missing, and a story that succeeded is whole. */
function* frames({ accepted, stories, frameAcks, unstored, unneeded, cutOff }: History): Generator<Violation> {
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
    if (kept?.sha256 !== sha256 && !found.get(story)?.removed)
      yield {
        rule: 'a frame that was acknowledged is kept',
        evidence: `${story}/${index}: acknowledged ${sha256}, kept ${kept?.sha256}`,
      }
  }
  for (const evidence of unstored) yield { rule: 'every frame has its picture', evidence }
  // Only a kill between the two stores can leave a picture that has no row.
  for (const { story, key } of unneeded)
    if (!cutOff.has(story)) yield { rule: 'a picture that was refused is discarded', evidence: key }
}

export const describe = (stories: FinalStory[]) =>
  [...Map.groupBy(stories, (story) => story.status)].map(([status, some]) => `${some.length} ${status}`).join(', ')
