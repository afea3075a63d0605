import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConditioningRow } from './conditioning.ts'
import { denoiserCall, type Step, stepCalls } from './step-calls.ts'

const frames = [0, 1, 2]
const whole = [{ frames, taken: frames }]
const row = (id: number): ConditioningRow => ({ context: Float32Array.of(id), pooled: null, timeIds: null })
const grid = { width: 4, height: 2 }

test('both halves of a batch are one call where they fit; where frames share, or get identities, they are two', () => {
  const apart = [
    { unconditional: frames, conditional: [], taken: [] },
    { unconditional: [], conditional: frames, taken: frames },
  ]
  assert.deepEqual(stepCalls(whole, 6, step({})), [{ unconditional: frames, conditional: frames, taken: frames }])
  assert.deepEqual(stepCalls(whole, 5, step({})), apart)
  assert.deepEqual(stepCalls(whole, 6, step({ sharedPixels: [[[8], [], []]] })), apart)
  const slot = { frame: 1, references: [0], mask: new Float32Array(8) }
  assert.deepEqual(stepCalls(whole, 6, step({ identities: { tokens: [], slots: [slot] } })), apart)
  assert.deepEqual(stepCalls(whole, 6, step({ identities: { tokens: [], slots: [] } })).length, 1)
})

test('no unconditional rows without guidance, nor of frames that are known, nor of those that are only attended to', () => {
  const unguided = step({ conditioning: { conditional: frames.map(row), unconditional: null } })
  assert.deepEqual(stepCalls(whole, 6, unguided), [{ unconditional: [], conditional: frames, taken: frames }])
  const batches = [
    { frames: [0, 1], taken: [0, 1] },
    { frames: [0, 2], taken: [2] },
  ]
  assert.deepEqual(stepCalls(batches, 4, step({ known: new Set([0]) })), [
    { unconditional: [1], conditional: [0, 1], taken: [0, 1] },
    { unconditional: [2], conditional: [0, 2], taken: [2] },
  ])
})

test('rows, shared pixels, labels and slots of a call count over its own rows', () => {
  const labels = [frames.map((frame) => new Uint8Array(8).fill(frame))]
  const mask = new Float32Array(8)
  const tokens = [new Float32Array(3)]
  const slots = [0, 2].map((frame) => ({ frame, references: [0], mask }))
  const own = step({ sharedPixels: [[[8, 23], [], [7, 1]]], labels, identities: { tokens, slots } })
  const call = denoiserCall(
    { unconditional: [], conditional: [0, 2], taken: [2] },
    { ...own, sharedPixels: [[[23], [], [7, 1]]] },
    [0],
  )
  assert.deepEqual(
    call.rows.map(({ context, latent }) => [context[0], latent[0]]),
    [
      [0, 100],
      [2, 102],
    ],
  )
  assert.deepEqual(call.sharedPixels, [[[15], [7, 1]]])
  assert.deepEqual(call.labels, [[labels[0]![0], labels[0]![2]]])
  assert.deepEqual(call.identities, { tokens, slots: [0, 1].map((row) => ({ row, references: [0], mask })) })
  assert.deepEqual([call.step, call.timestep, call.tokenGroups], [4, 500, 2])
  assert.throws(
    () => denoiserCall({ unconditional: [], conditional: [0, 2], taken: [2] }, own, [0]),
    /frame 1 is attended to, and not in the call of 0,2/,
  )
})

test('a call of unconditional rows alone has nothing of other frames, and no selectors', () => {
  const mask = new Float32Array(8)
  const slots = [{ frame: 1, references: [0], mask }]
  const own = step({ sharedPixels: [[[8], [], []]], identities: { tokens: [], slots } })
  const call = denoiserCall({ unconditional: [1, 2], conditional: [], taken: [] }, own, [0])
  assert.deepEqual(Object.keys(call).sort(), ['grid', 'rows', 'step', 'timestep'])
  assert.deepEqual(
    call.rows.map(({ context, selector }) => [context[0], selector]),
    [
      [-1, undefined],
      [-2, undefined],
    ],
  )
})

function step(changes: Partial<Step>): Step {
  return {
    number: 4,
    timestep: 500,
    grid,
    conditioning: { conditional: frames.map(row), unconditional: frames.map((frame) => row(-frame)) },
    latentOf: (frame) => Float32Array.of(100 + frame),
    known: new Set(),
    selectors: frames.map(() => Float32Array.of(1, 0)),
    tokenGroups: 2,
    sharedPixels: undefined,
    labels: undefined,
    identities: undefined,
    ...changes,
  }
}
