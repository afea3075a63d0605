/** What a run leaves behind, and what the check is made of. Moments are milliseconds since 1970 by the clock of the edge. */
import type { StoryStatus } from '../../contract/story-view.ts'

/** One change of a story's place in the queue, in the order in which the database made them. */
export interface Transition {
  seq: number
  story: string
  key: string
  model: string
  from: StoryStatus | null
  to: StoryStatus
  ready: boolean
  /** The lease that the story was under until then. */
  lease: string | null
  /** When; null where a story waits for its next attempt. */
  at: number | null
  /** When it had to be started, of a story that was claimed or has expired; when it had to be done, of one that failed. */
  due: number | null
  /** The code of what went wrong last. */
  error: string | null
}

export interface FinalStory {
  id: string
  key: string
  status: StoryStatus
  frameCount: number
  /** Each frame that is there, and the lease that the story was under when it came. */
  frames: { index: number; sha256: string; lease: string | null }[]
  deadLetter: boolean
  resumes: number
  /** Null unless it subscribed to its end. */
  webhook: string | null
  /** Its content was erased. */
  removed: boolean
}

/**
 * How a runner ends its work on a story: by an event, of which a failure is retryable or the fault of the story, or by
 * handing it back.
 */
export type End = 'story.completed' | 'story.failed' | 'story at fault' | 'story.canceled' | 'release'

export interface Violation {
  rule: string
  /** What shows it. */
  evidence: string
}

export interface History {
  keys: { id: string; weight: number; maxRunning: number }[]
  /** Stories that were accepted, by the answers to apps. */
  accepted: { id: string; key: string; frames: number }[]
  /** Ends of stories that apps have learnt of: `canceled` for a story that had not ended when it was canceled. */
  knownEnds: { story: string; status: StoryStatus }[]
  /** Stories that are, or will be, erased, by the answers to apps. */
  deleted: string[]
  transitions: Transition[]
  stories: FinalStory[]
  /** Webhooks in the outbox. */
  outbox: {
    id: string
    story: string
    type: string
    sequence: number
    delivered: boolean
    /** When the change was that it announces. */
    at: number
    /** Of its body, as it is kept. */
    bytes: number
  }[]
  /** Webhooks that came, by the receivers and in their order; only those whose signature was right. */
  received: { id: string; story: string; type: string; status: StoryStatus; body: string }[]
  /** Webhooks whose signature was wrong. */
  forged: number
  /** URLs of the receivers that never fail. */
  reliable: string[]
  /** Leases that runners were told of, and the latest end that each was promised. */
  promised: Map<string, { story: string; until: number }>
  /** Leases under which runners were told that they have started. */
  started: Set<string>
  /** Leases whose holders asked for the end of their work, answered or not, before the lease was over. */
  ending: Set<string>
  /** Leases whose holders handed the story back, answered or not. */
  handedBack: Set<string>
  /** Frames that runners were told are kept; `own` when it is the very picture that they sent. */
  frameAcks: { story: string; index: number; sha256: string; leaseToken: string; own: boolean }[]
  /** Ends of their work that runners were told took effect. */
  endAcks: { story: string; leaseToken: string; what: End }[]
  /** Stories to which an upload got no answer: its picture may have been stored, and lost its row. */
  cutOff: Set<string>
  /** What a simulated party saw at once that must not be. */
  seen: Violation[]
  /** Answers of the edge that are its own fault. */
  faults: string[]
  /** Counters of the queue that disagree with what there is to count. */
  miscounted: string[]
  /** Frames whose pictures are not stored, as `story/index`. */
  unstored: string[]
  /** Stored pictures that no frame shows. */
  unneeded: { story: string; key: string }[]
  /** Only of runs whose stores fail. */
  stores?: StoresHistory
}

interface StoresHistory {
  /** Objects that no row names, hours after the run. */
  unnamed: string[]
  /** Keys that rows name and that are not stored. */
  missing: string[]
  /** What cron has not done of what was planted. */
  leftOfPlanted: string[]
  log: string
  /** Lines of the log with secrets. */
  leaks: string[]
}

export const emptyHistory = (): History => ({
  keys: [],
  accepted: [],
  knownEnds: [],
  deleted: [],
  transitions: [],
  stories: [],
  outbox: [],
  received: [],
  forged: 0,
  reliable: [],
  promised: new Map(),
  started: new Set(),
  ending: new Set(),
  handedBack: new Set(),
  frameAcks: [],
  endAcks: [],
  cutOff: new Set(),
  seen: [],
  faults: [],
  miscounted: [],
  unstored: [],
  unneeded: [],
})
