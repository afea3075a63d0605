import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressBar } from './progress.ts'

/** Only what the bar uses of a stream. */
function recorder(isTTY: boolean) {
  const written: string[] = []
  const stream = Object.assign(Object.create(process.stderr), {
    isTTY,
    write: (text: string) => written.push(text) > 0,
  })
  return { stream: stream as NodeJS.WriteStream, written }
}

test('away from a terminal: a line every few seconds, and one at the end', () => {
  const { stream, written } = recorder(false)
  let time = 0
  const progress = progressBar('sets', 10, { stream, now: () => time })
  for (let done = 1; done <= 10; done++) {
    time += 1000
    progress(done)
  }
  assert.deepEqual(written, ['sets 5/10 5 s left\n', 'sets 10/10\n'])
})

test('on a terminal: one line redrawn, full at the end', () => {
  const { stream, written } = recorder(true)
  const progress = progressBar('sets', 2, { stream, now: () => 0 })
  progress(1, 'half')
  progress(2)
  assert.equal(written.length, 2)
  assert.match(written[0]!, /^\r.*█{14}░{14} 1\/2 .*half$/)
  assert.match(written[1]!, /█{28} 2\/2\n$/)
})

test('what another run did counts as done, but not for the speed', () => {
  const { stream, written } = recorder(false)
  let time = 0
  const progress = progressBar('images', 10_000, { stream, now: () => time, initial: 4000, rateOf: 'images' })
  time = 10_000
  progress(4000)
  time = 20_000
  progress(4100)
  assert.deepEqual(written, ['images 4000/10000\n', 'images 4100/10000 5.0 images/s 20 min left\n'])
})
