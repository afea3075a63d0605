/** What is true of D1, R2 and the log though both stores have failed now and then. Only runs with `--faults` look at it. */
import type { History, Violation } from './history.ts'

/** Bytes of a webhook's body, on average; chaos has stories of up to three frames. */
const BODY_BYTES = 1400
/** Milliseconds between two messages of progress of one story. */
const PROGRESS_MS = 500

export function* stores({ stores, outbox }: History): Generator<Violation> {
  if (!stores) return
  for (const evidence of stores.unnamed) yield { rule: 'every object has a name', evidence }
  for (const evidence of stores.missing) yield { rule: 'what is named is stored', evidence }
  for (const evidence of stores.leftOfPlanted) yield { rule: 'one failure does not hold up the rest of cron', evidence }
  for (const evidence of stores.leaks) yield { rule: 'the log holds no secrets', evidence }
  for (const evidence of stores.log.split('\n').filter((line) => line.includes('"upkeep.calls"')))
    yield { rule: 'a run of cron keeps within its queries', evidence }
  const kept = outbox.filter(({ bytes }) => bytes > 0)
  const mean = kept.reduce((sum, { bytes }) => sum + bytes, 0) / Math.max(1, kept.length)
  if (mean > BODY_BYTES) yield { rule: 'webhooks take little room', evidence: `${Math.round(mean)} bytes a body` }
  const progress = outbox.filter(({ type }) => type === 'story.progress')
  for (const [story, messages] of Map.groupBy(progress, (message) => message.story)) {
    const times = messages.map(({ at }) => at).sort((a, b) => a - b)
    if (times.some((at, i) => i > 0 && at - times[i - 1]! < PROGRESS_MS))
      yield { rule: 'progress is sent twice a second at most', evidence: `${story}: ${times}` }
  }
}

/** Lines of the log, with the kind of secret that they hold. */
export function leakedSecrets(log: string, secrets: string[]): string[] {
  return log.split('\n').flatMap((line) => {
    const found = [...secrets, 'params:'].filter((secret) => line.includes(secret))
    return found.length > 0 ? [`${found.join()} in: ${line.slice(0, 200)}`] : []
  })
}
