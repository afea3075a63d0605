import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelLoad } from '../db/queue/demand.ts'
import { type Action, atRest, decide, expectedColdStart, noteArrival, type WakeState } from './decide.ts'
import { demandOf } from './demand.ts'

const COLD_START_MS = 40_000
const settings = { MAX_RUNNERS: 4, TARGET_WAIT_SECONDS: 60 }
const load = (about: Partial<ModelLoad> = {}): ModelLoad => ({
  ...{ model: 'm', queued: 0, running: 0, runners: 0, secondsPerStory: 10, secondsPerFrame: 2.5, ...about },
})

/** A machine that is asked at each of these seconds. */
function ask(state: WakeState, seconds: number, about: Partial<ModelLoad>): { state: WakeState; action: Action } {
  const demand = demandOf([load(about)], 0, settings)
  return decide(state, demand, { now: seconds * 1000, coldStartMs: COLD_START_MS })
}

test('wanted: as many as serve what waits within the target wait, by measured times, and no more than allowed', () => {
  const wanted = (about: Partial<ModelLoad>) => demandOf([load(about)], 0, settings).wanted
  assert.equal(wanted({}), 0)
  assert.equal(wanted({ queued: 1 }), 1)
  assert.equal(wanted({ queued: 500, secondsPerStory: null }), 1, 'nothing was measured')
  assert.equal(wanted({ queued: 6 }), 1)
  assert.equal(wanted({ queued: 7 }), 2)
  assert.equal(wanted({ queued: 500 }), 4)
  assert.equal(wanted({ running: 3 }), 3)
  const two = demandOf([load({ queued: 30 }), load({ model: 'n', queued: 30, runners: 1 })], 12, settings)
  assert.deepEqual([two.wanted, two.queued, two.runners, two.oldest_seconds], [4, 60, 1, 12])
})

test('one start is under way at a time, until a runner has come or the cold start has taken too long', () => {
  let { state, action } = ask(atRest, 0, { queued: 12 })
  assert.deepEqual(action, { type: 'start', count: 2 })
  ;({ state, action } = ask(state, 10, { queued: 40 }))
  assert.equal(action, undefined)
  ;({ state, action } = ask(state, 59, { queued: 40 }))
  assert.equal(action, undefined)
  const lost = ask(state, 61, { queued: 40 })
  assert.deepEqual(lost.action, { type: 'start', count: 4 })
  const came = ask(state, 30, { queued: 40, runners: 1 })
  assert.deepEqual(came.action, { type: 'start', count: 3 })
  const arrived = ask(noteArrival(state, 30_000), 31, { queued: 40, runners: 1 })
  assert.deepEqual(arrived.action, { type: 'start', count: 3 })
  assert.equal(expectedColdStart(arrived.state, COLD_START_MS), 30_000)
})

test('nobody is started where enough are there, or where nothing waits', () => {
  assert.equal(ask(atRest, 0, { queued: 6, runners: 1 }).action, undefined)
  assert.equal(ask(atRest, 0, { running: 2, runners: 1 }).action, undefined)
})

test('what was started is stopped once nothing waits, all runners have gone and that has held for a while', () => {
  let { state, action } = ask(atRest, 0, { queued: 1 })
  ;({ state, action } = ask(state, 20, { runners: 1, running: 1 }))
  ;({ state, action } = ask(state, 30, { runners: 1 }))
  assert.equal(action, undefined)
  ;({ state, action } = ask(state, 70, { runners: 0 }))
  assert.equal(action, undefined, 'a runner was wanted less than a minute ago')
  ;({ state, action } = ask(state, 81, { runners: 0 }))
  assert.deepEqual(action, { type: 'stop' })
  assert.equal(ask(state, 200, {}).action, undefined, 'once')
})

test('the expected cold start is the median of the last five', () => {
  let state = atRest
  for (const [i, seconds] of [200, 10, 12, 11, 13, 12].entries()) {
    state = ask({ ...state, start: null }, i * 1000, { queued: 1 }).state
    state = noteArrival(state, (i * 1000 + seconds) * 1000)
  }
  assert.deepEqual(state.coldStarts, [10_000, 12_000, 11_000, 13_000, 12_000])
  assert.equal(expectedColdStart(state, 1), 12_000)
  assert.equal(noteArrival(state, 9e9), state, 'nobody was waited for')
})
