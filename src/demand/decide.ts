/** Whether to start or stop runners now: a pure function of what is wanted and of what was done before. */
import type { Demand } from '../../contract/demand.ts'

/** What is remembered from one decision to the next. Times are ms since 1970. */
export interface WakeState {
  /** The start under way: when it was asked for, and how many runners were there then. */
  start: { at: number; runners: number } | null
  /** The highest number wanted of late, and when it was last wanted. */
  peak: { wanted: number; at: number }
  /** Runners were started and have not been stopped. */
  started: boolean
  /** How long the last starts took, from the call to the first word of a new runner (ms), the latest last. */
  coldStarts: number[]
}

export const atRest: WakeState = { start: null, peak: { wanted: 0, at: 0 }, started: false, coldStarts: [] }

export type Action = { type: 'start'; count: number } | { type: 'stop' } | undefined

/** Before fewer runners count as wanted than a moment ago. */
const HOLD_MS = 60_000
/** A start counts as lost after so many expected cold starts. */
const PATIENCE = 1.5
const REMEMBERED = 5

/** The median of what was measured; without that, what the settings say (ms). */
export function expectedColdStart({ coldStarts }: Pick<WakeState, 'coldStarts'>, settingMs: number): number {
  return coldStarts.toSorted((a, b) => a - b)[coldStarts.length >> 1] ?? settingMs
}

/** A new runner has announced itself. */
export function noteArrival(state: WakeState, now: number): WakeState {
  if (!state.start) return state
  return { ...state, start: null, coldStarts: [...state.coldStarts, now - state.start.at].slice(-REMEMBERED) }
}

/**
 * One start is under way at a time, for as many runners as are missing: until one has come, or the cold start has taken
 * far longer than expected. What is not wanted any more is stopped once nothing waits or runs and all runners have gone.
 */
export function decide(
  before: WakeState,
  demand: Pick<Demand, 'queued' | 'running' | 'runners' | 'wanted'>,
  { now, coldStartMs }: { now: number; coldStartMs: number },
): { state: WakeState; action: Action } {
  const { queued, running, runners } = demand
  const isLower = demand.wanted < before.peak.wanted && now - before.peak.at < HOLD_MS
  const peak = isLower ? before.peak : { wanted: demand.wanted, at: now }
  const patience = PATIENCE * expectedColdStart(before, coldStartMs)
  const isUnderWay = before.start !== null && now - before.start.at < patience && runners <= before.start.runners
  const state = { ...before, peak, start: isUnderWay ? before.start : null }
  const missing = peak.wanted - runners
  if (queued > 0 && missing > 0 && !isUnderWay)
    return {
      state: { ...state, start: { at: now, runners }, started: true },
      action: { type: 'start', count: missing },
    }
  const isOver = queued + running + runners + peak.wanted === 0 && !isUnderWay
  if (state.started && isOver) return { state: { ...state, started: false }, action: { type: 'stop' } }
  return { state, action: undefined }
}
