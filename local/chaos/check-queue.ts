/** Whose turn it was: caps on what runs at the same time, and shares by weight. */
import type { History, Transition, Violation } from './history.ts'

/** No key ever has more stories running than it may. */
export function* caps({ keys, transitions }: History): Generator<Violation> {
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
export function* fairness({ keys, transitions }: History): Generator<Violation> {
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
