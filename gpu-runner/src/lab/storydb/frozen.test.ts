import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { captionFrame, describeIdentity } from './caption.ts'
import { randomFrames } from './frames.ts'
import type { Level } from './levels.ts'
import { renderFrame } from './render.ts'

/** Hashes of frames and captions, and the mean colour of pictures, as models were trained on them. */
const frozen: readonly [level: Level, frames: string, captions: string, colour: readonly number[]][] = [
  [1, 'bf7929d031e70404', '7aad8061dd7e8d96', [121.2, 129.1, 139.28]],
  [2, '0d74fa0a63cc75e6', 'e5a0dccb94114a35', [143.44, 132.92, 133.8]],
  [3, '96274630910f587f', 'b3316e72d94f6d54', [140.83, 126.87, 127.97]],
  [4, 'f9bc32b25e2f326c', 'b47bd40b41b847a7', [117.16, 126.11, 140.27]],
]

test('levels 1 to 4 stay what they were, whatever later levels bring', () => {
  for (const [level, frames, captions, colour] of frozen) {
    const [drawn, written] = [createHash('sha256'), createHash('sha256')]
    const sums = [0, 0, 0]
    for (let set = 0; set < 200; set++) {
      const split = set % 2 ? 'train' : 'held-out'
      for (const [i, frame] of randomFrames(7, set, 2, { level, split }).entries()) {
        drawn.update(JSON.stringify(frame))
        const wording = set % 3 ? {} : { detail: 'short' as const, names: ['Pip'] }
        written.update(JSON.stringify(captionFrame(frame, { variant: set * 2 + i, ...wording })))
        written.update(JSON.stringify(describeIdentity(frame.actors[0]!.identity, set)))
        if (set % 4) continue
        for (const [p, value] of renderFrame(frame, 64).rgb.entries()) sums[p % 3]! += value
      }
    }
    assert.equal(drawn.digest('hex').slice(0, 16), frames, `frames of level ${level}`)
    assert.equal(written.digest('hex').slice(0, 16), captions, `captions of level ${level}`)
    // Another machine's rasteriser may round an edge otherwise.
    for (const [c, sum] of sums.entries())
      assert.ok(Math.abs(sum / 100 / 64 ** 2 - colour[c]!) < 0.05, `level ${level}`)
  }
})
