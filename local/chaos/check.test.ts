import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoryStatus } from '../../contract/story-view.ts'
import { violationsOf } from './check.ts'
import { leakedSecrets } from './check-stores.ts'
import { emptyHistory, type History, type Transition } from './history.ts'

const KEYS = [
  { id: 'a', weight: 1, maxRunning: 2 },
  { id: 'b', weight: 2, maxRunning: 9 },
]

/** Adds a change of the story to the history; `story` begins with the id of its key. */
function change(
  history: History,
  story: string,
  from: StoryStatus | null,
  to: StoryStatus,
  lease: string | null = null,
): Transition {
  const seq = history.transitions.length + 1
  const about = { seq, story, key: story[0]!, model: 'm', ready: to === 'queued', at: seq, due: null, error: null }
  const made = { ...about, from, to, lease }
  history.transitions.push(made)
  return made
}

/** Two stories of each key, served a b b a: each is drawn, ends well and is announced; the last had failed before. */
function soundHistory(): History {
  const ids = ['a1', 'b1', 'b2', 'a2']
  const history: History = {
    ...emptyHistory(),
    keys: structuredClone(KEYS),
    accepted: ids.map((id) => ({ id, key: id[0]!, frames: 2 })),
    knownEnds: ids.map((story) => ({ story, status: 'succeeded' })),
    stories: ids.map((id) => ({
      id,
      key: id[0]!,
      status: 'succeeded',
      frameCount: 2,
      frames: [0, 1].map((index) => ({ index, sha256: `${id}/${index}`, lease: `lease-${id}` })),
      deadLetter: false,
      resumes: id === 'a2' ? 1 : 0,
      webhook: 'http://app',
      removed: false,
    })),
    outbox: ids.map((id) => ({
      id: `evt_${id}`,
      story: id,
      type: 'story.completed',
      sequence: 2,
      delivered: true,
      at: 0,
      bytes: 9,
    })),
    reliable: ['http://well'],
    stores: { unnamed: [], missing: [], leftOfPlanted: [], log: '', leaks: [] },
    started: new Set(ids.map((id) => `lease-${id}`)),
    promised: new Map(ids.map((id) => [`lease-${id}`, { story: id, until: 0 }])),
    received: ids.map((id) => ({
      id: `evt_${id}`,
      story: id,
      type: 'story.completed',
      status: 'succeeded',
      body: '{}',
    })),
    frameAcks: ids.flatMap((id) =>
      [0, 1].map((index) => ({ story: id, index, sha256: `${id}/${index}`, leaseToken: `lease-${id}`, own: true })),
    ),
    endAcks: ids.map((id) => ({ story: id, leaseToken: `lease-${id}`, what: 'story.completed' })),
  }
  history.outbox.push({
    id: 'evt_a2_0',
    story: 'a2',
    type: 'story.failed',
    sequence: 1,
    delivered: false,
    at: 0,
    bytes: 9,
  })
  change(history, 'a2', null, 'queued')
  change(history, 'a2', 'queued', 'running')
  change(history, 'a2', 'running', 'failed', 'lease-0')
  change(history, 'a2', 'failed', 'queued')
  for (const id of ids.slice(0, 3)) change(history, id, null, 'queued')
  for (const id of ids) change(history, id, 'queued', 'running')
  for (const id of ids) change(history, id, 'running', 'succeeded', `lease-${id}`)
  return history
}

/** As if the story had been tried so often under leases `try-0`, `try-1` … and had failed at the last. */
function failAgain(history: History, id: string, times: number): void {
  history.transitions = history.transitions.filter(({ story, to }) => story !== id || to === 'queued')
  for (let n = 0; n < times; n++) {
    change(history, id, 'queued', 'running')
    change(history, id, 'running', n === times - 1 ? 'failed' : 'queued', `try-${n}`)
    history.started.add(`try-${n}`)
  }
  storyOf(history, id).status = 'failed'
  history.outbox.find(({ story }) => story === id)!.type = 'story.failed'
  const isOther = ({ story }: { story: string }) => story !== id
  history.frameAcks = history.frameAcks.filter(isOther)
  history.endAcks = history.endAcks.filter(isOther)
  history.knownEnds = history.knownEnds.filter(isOther)
  history.received = history.received.filter(isOther)
  history.outbox.find(({ story }) => story === id)!.delivered = false
}

const storyOf = (history: History, id: string) => history.stories.find((story) => story.id === id)!

test('a sound history has no violations', () => assert.deepEqual(violationsOf(soundHistory()), []))

/** What is planted, and the rules that tell. */
const planted: Record<string, { plant: (history: History) => void; rules: string[] }> = {
  'a story is lost': {
    plant: (history) => history.accepted.push({ id: 'a9', key: 'a', frames: 1 }),
    rules: ['no accepted story is lost'],
  },
  'a request makes two stories': {
    plant: (history) => history.accepted.pop(),
    rules: ['a request makes one story'],
  },
  'a story does not end': {
    plant: (history) => {
      change(history, 'a2', 'succeeded', 'queued')
      storyOf(history, 'a2').status = 'queued'
      storyOf(history, 'a2').resumes++
    },
    rules: ['every story ends', 'success is for good', 'a completion that was acknowledged stands'],
  },
  'a story ends twice': {
    plant: (history) => {
      change(history, 'b1', 'succeeded', 'failed')
      storyOf(history, 'b1').status = 'failed'
    },
    rules: [
      'a story ends once',
      'success is for good',
      'a completion that was acknowledged stands',
      'each end is announced',
      'an end that an app was told of stands',
    ],
  },
  'a story runs again after its end': {
    plant: (history) => {
      change(history, 'b1', 'succeeded', 'running')
      change(history, 'b1', 'running', 'succeeded', 'lease-b1')
    },
    rules: ['a story ends once', 'success is for good', 'each end is announced'],
  },
  'a story is not as it ended': {
    plant: (history) => {
      storyOf(history, 'b1').status = 'expired'
    },
    rules: [
      'a story stays as it ended',
      'a completion that was acknowledged stands',
      'an end that an app was told of stands',
    ],
  },
  'a second terminal webhook is enqueued': {
    plant: (history) => history.outbox.push({ ...history.outbox[0]!, id: 'evt_twice', delivered: false }),
    rules: ['no second terminal webhook'],
  },
  'a second terminal webhook comes': {
    plant: (history) => history.received.push({ ...history.received[0]!, id: 'evt_twice' }),
    rules: ['no webhook comes from nowhere'],
  },
  'an end is not announced': { plant: (history) => history.outbox.pop(), rules: ['each end is announced'] },
  'an end is announced to nobody': {
    plant: (history) => {
      storyOf(history, 'b1').webhook = null
    },
    rules: ['no second terminal webhook'],
  },
  'a webhook says something else than happened': {
    plant: (history) => {
      history.received[0]!.status = 'failed'
    },
    rules: ['a webhook says what happened'],
  },
  'copies of a webhook differ': {
    plant: (history) => history.received.push({ ...history.received[0]!, body: '{"other":1}' }),
    rules: ['every copy of a webhook is the same'],
  },
  'a delivered webhook never came': {
    plant: (history) => history.received.pop(),
    rules: ['a webhook counts as delivered when it was'],
  },
  'a webhook is forged': { plant: (history) => history.forged++, rules: ['webhooks are signed'] },
  'a frame is missing that nobody had stored': {
    plant: (history) => {
      storyOf(history, 'b1').frames.pop()
      history.frameAcks = history.frameAcks.filter(({ story }) => story !== 'b1')
    },
    rules: ['a story that succeeded has every frame'],
  },
  'a story is stored as shorter than it was asked for': {
    plant: (history) => {
      storyOf(history, 'b1').frameCount = 1
      storyOf(history, 'b1').frames = storyOf(history, 'b1').frames.slice(0, 1)
      history.frameAcks = history.frameAcks.filter(({ story, index }) => story !== 'b1' || index === 0)
    },
    rules: ['a story that succeeded has every frame'],
  },
  'a frame is replaced': {
    plant: (history) => {
      storyOf(history, 'b1').frames[1]!.sha256 = 'other'
    },
    rules: ['a frame that was acknowledged is kept'],
  },
  'a cap is exceeded': {
    plant: (history) => {
      history.keys[0]!.maxRunning = 1
    },
    rules: ['caps are exact'],
  },
  'a stale frame is taken': {
    plant: (history) => {
      history.frameAcks[0]!.leaseToken = 'lease-0'
    },
    rules: ['a stale write is refused'],
  },
  'a stale completion is taken': {
    plant: (history) => history.endAcks.push({ story: 'a2', leaseToken: 'lease-0', what: 'story.completed' }),
    rules: ['a stale write is refused'],
  },
  'a stale failure is taken': {
    plant: (history) => {
      history.transitions.find(({ to }) => to === 'failed')!.lease = 'lease-1'
      history.endAcks.push({ story: 'a2', leaseToken: 'lease-0', what: 'story.failed' })
    },
    rules: ['a stale write is refused'],
  },
  'a story is handed back under a stale lease': {
    plant: (history) => history.endAcks.push({ story: 'b1', leaseToken: 'lease-0', what: 'release' }),
    rules: ['a stale write is refused'],
  },
  'a dead letter succeeded': {
    plant: (history) => {
      storyOf(history, 'b1').deadLetter = true
    },
    rules: ['dead letters have failed often enough'],
  },
  'a story is given up after one attempt': {
    plant: (history) => {
      failAgain(history, 'b1', 1)
      storyOf(history, 'b1').deadLetter = true
    },
    rules: ['dead letters have failed often enough'],
  },
  'a story is tried for ever': {
    plant: (history) => failAgain(history, 'b1', 4),
    rules: ['attempts have an end'],
  },
  'a story at fault is tried again': {
    plant: (history) => {
      failAgain(history, 'b1', 2)
      history.endAcks.push({ story: 'b1', leaseToken: 'try-0', what: 'story at fault' })
    },
    rules: ['a stale write is refused'],
  },
  'a story expires that had been started': {
    plant: (history) => {
      failAgain(history, 'b1', 1)
      const last = history.transitions.at(-1)!
      Object.assign(last, { to: 'queued', ready: true })
      Object.assign(change(history, 'b1', 'queued', 'expired'), { due: 1 })
      storyOf(history, 'b1').status = 'expired'
      history.outbox.find(({ story }) => story === 'b1')!.type = 'story.expired'
    },
    rules: ['what has been started does not expire'],
  },
  'a lease is cut short': {
    plant: (history) => history.promised.set('lease-b1', { story: 'b1', until: 1e9 }),
    rules: ['a lease lasts as long as was promised'],
  },
  'a late story is claimed': {
    plant: (history) => {
      const claimed = history.transitions.find(({ story, to }) => story === 'b1' && to === 'running')!
      claimed.due = claimed.at
    },
    rules: ['what is late is not claimed'],
  },
  'a deadline is early': {
    plant: (history) => {
      failAgain(history, 'b1', 1)
      Object.assign(history.transitions.at(-1)!, { error: 'run_timeout', due: 1e9 })
    },
    rules: ['deadlines are not early'],
  },
  'a cancellation is forgotten': {
    plant: (history) => history.knownEnds.push({ story: 'b1', status: 'canceled' }),
    rules: ['an end that an app was told of stands'],
  },
  'a deleted story is still there': {
    plant: (history) => history.deleted.push('b1'),
    rules: ['nothing is left of a story that was deleted'],
  },
  'a picture of a deleted story is still there': {
    plant: (history) => {
      history.deleted.push('b1')
      Object.assign(storyOf(history, 'b1'), { removed: true })
      Object.assign(storyOf(history, 'b1'), { frames: [0, 1].map((index) => ({ index, sha256: '', lease: null })) })
      history.frameAcks = history.frameAcks.filter(({ story }) => story !== 'b1')
      history.outbox = history.outbox.filter(({ story }) => story !== 'b1')
      history.unneeded.push({ story: 'b1', key: 'stories/b1/0' })
      history.cutOff.add('b1')
    },
    rules: ['nothing is left of a story that was deleted'],
  },
  'a refused picture is kept': {
    plant: (history) => history.unneeded.push({ story: 'b1', key: 'stories/b1/0' }),
    rules: ['a picture that was refused is discarded'],
  },
  'a picture is lost': { plant: (history) => history.unstored.push('b1/0'), rules: ['every frame has its picture'] },
  'webhooks of a story are mixed up': {
    plant: (history) => {
      history.outbox.push({
        id: 'evt_start',
        story: 'b1',
        type: 'story.started',
        sequence: 1,
        delivered: true,
        at: 0,
        bytes: 9,
      })
      history.received.push({ id: 'evt_start', story: 'b1', type: 'story.started', status: 'running', body: '{}' })
    },
    rules: ['webhooks of a story come in order'],
  },
  'a sound endpoint is not told': {
    plant: (history) => {
      storyOf(history, 'b1').webhook = 'http://well'
      history.outbox.find(({ story }) => story === 'b1')!.delivered = false
    },
    rules: ['an endpoint that is well hears of everything'],
  },
  'an object has no name': {
    plant: (history) => history.stores?.unnamed.push('files/x'),
    rules: ['every object has a name'],
  },
  'a file has no object': {
    plant: (history) => history.stores?.missing.push('files/x'),
    rules: ['what is named is stored'],
  },
  'cron leaves something undone': {
    plant: (history) => history.stores?.leftOfPlanted.push('1 webhook'),
    rules: ['one failure does not hold up the rest of cron'],
  },
  'cron asks too much of D1': {
    plant: (history) => Object.assign(history.stores!, { log: '{"event":"upkeep.calls","d1":1001}\n' }),
    rules: ['a run of cron keeps within its queries'],
  },
  'the log holds a secret': {
    plant: (history) => history.stores?.leaks.push(...leakedSecrets('all is well\nthe key is xyz', ['xyz'])),
    rules: ['the log holds no secrets'],
  },
  'bodies are kept as they are': {
    plant: (history) => history.outbox.forEach((message) => void (message.bytes = 2500)),
    rules: ['webhooks take little room'],
  },
  'progress is sent too often': {
    plant: (history) => {
      for (const at of [1000, 1499])
        history.outbox.push({
          id: `evt_${at}`,
          story: 'b1',
          type: 'story.progress',
          sequence: 1,
          delivered: false,
          at,
          bytes: 9,
        })
    },
    rules: ['progress is sent twice a second at most'],
  },
  'somebody saw it at once': {
    plant: (history) => history.seen.push({ rule: 'redirects are not followed', evidence: '' }),
    rules: ['redirects are not followed'],
  },
  'the edge is at fault': {
    plant: (history) => history.faults.push('GET /stories: 500'),
    rules: ['the edge is never at fault'],
  },
  'a counter is wrong': {
    plant: (history) => history.miscounted.push('running of key a'),
    rules: ['the counters of the queue are right'],
  },
}

for (const [what, { plant, rules }] of Object.entries(planted))
  test(`found: ${what}`, () => {
    const history = soundHistory()
    plant(history)
    assert.deepEqual([...new Set(violationsOf(history).map(({ rule }) => rule))].sort(), rules.toSorted())
  })

/** Serves keys of weights 1 and 2, each with ten stories, in the order of `served`; every story fails at once. */
function servedInOrder(served: string, maxRunning = 9): History {
  const history = emptyHistory()
  history.keys = KEYS.map((key) => ({ ...key, maxRunning }))
  for (let n = 0; n < 10; n++) for (const key of 'ab') change(history, `${key}${n}`, null, 'queued')
  const next = new Map([...'ab'].map((key) => [key, 0]))
  for (const key of served) {
    const n = next.get(key)!
    next.set(key, n + 1)
    change(history, `${key}${n}`, 'queued', 'running')
    if (maxRunning > 1) change(history, `${key}${n}`, 'running', 'failed')
  }
  return history
}

test('fairness: shares by weight pass, in either order; one serving too many is found; nobody gets back turns that a cap forbade', () => {
  const rulesOf = (history: History) => violationsOf(history).map(({ rule }) => rule)
  for (const fair of ['bbb', 'abbabbabb', 'bbabbabba', 'babbabbab']) assert.deepEqual(rulesOf(servedInOrder(fair)), [])
  for (const unfair of ['aa', 'bbbb', 'abababababab', 'abbabbabbaaa'])
    assert.deepEqual(rulesOf(servedInOrder(unfair)), ['keys are served by their weights'], unfair)
  // Key a has one running and may have no second: what b gets meanwhile is not unfair.
  const capped = servedInOrder('a', 1)
  for (let n = 0; n < 9; n++) {
    change(capped, `b${n}`, 'queued', 'running')
    change(capped, `b${n}`, 'running', 'failed')
  }
  assert.deepEqual(rulesOf(capped), [])
})
