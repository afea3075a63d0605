/** A runner inside the test that draws whatever is queued, for as long as the edge is there. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Claim } from '../contract/runner.ts'
import { smallBank } from './bank.ts'
import { plainPng } from './png.ts'
import type { testEdge } from './worker.ts'

type Runner = Pick<Awaited<ReturnType<typeof testEdge>>, 'claim' | 'held' | 'report'>

/** @param pauseMs after each frame. A story that is called `fail` fails after its first frame. */
export async function startDrawing({ claim, held, report }: Runner, model: string, pauseMs = 0): Promise<void> {
  for (;;) {
    let lease: Claim | undefined
    try {
      lease = await claim(model, 1)
    } catch {
      // The edge has been stopped.
      return
    }
    if (lease) await draw(lease)
  }

  async function draw(lease: Claim) {
    const { frames, title, characters } = lease.story
    let sequence = 0
    await report(lease, ++sequence, 'story.started')
    if (characters.length > 0) await held(lease, 'PUT', 'bank', new Uint8Array(smallBank(characters, model)))
    for (let index = 0; index < frames.length; index++) {
      const progress = { stage: 'sampling', step: index, steps: frames.length, fraction: index / frames.length }
      await report(lease, ++sequence, 'story.progress', { progress })
      await held(lease, 'PUT', `frames/${index}`, await plainPng(index))
      await pause(pauseMs)
      if (title !== 'fail') continue
      const error = { code: 'invalid_story', message: 'no such scheduler' }
      await report(lease, ++sequence, 'story.failed', { error, retryable: false })
      return
    }
    await report(lease, ++sequence, 'story.completed')
  }
}
