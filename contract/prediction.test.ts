import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import recorded from '../test/golden/replicate/predictions.json' with { type: 'json' }
import { Prediction, storyOf } from './prediction.ts'
import { pointer } from './problem.ts'

/** `pointer: message` of every fault of an input. */
function faults(input: Record<string, unknown>): string[] {
  const judged = storyOf(input)
  return 'faults' in judged ? judged.faults.map(({ path, message }) => `${pointer(path)}: ${message}`) : []
}
const framesOf = (input: Record<string, unknown>) => {
  const judged = storyOf(input)
  return 'story' in judged ? judged.story.frames : []
}
const fox = { id: 'fox', name: 'Fern', description: 'a fox' }

test('an input is a prompt, frames, or a whole story', () => {
  assert.deepEqual(framesOf({ prompt: 'one', width: 64 }), [{ prompt: 'one' }])
  const frames = ['one', { prompt: 'two', characters: ['fox'] }]
  assert.deepEqual(framesOf({ frames, characters: [fox] }), [{ prompt: 'one' }, frames[1]])
  assert.deepEqual(framesOf({ story: { frames: [{ prompt: 'one' }] } }), [{ prompt: 'one' }])
})

test('size, ratio and number of pictures, as other models have them', () => {
  const model = { size: { width: 512, height: 512 }, largest_side: 1024, side_multiple: 8 }
  const shapeOf = (input: object) => {
    const judged = storyOf({ prompt: 'x', ...input }, model)
    return 'story' in judged ? [judged.story.frames.length, judged.story.width, judged.story.height] : judged.faults
  }
  assert.deepEqual(shapeOf({ num_outputs: 3, size: '128x64' }), [3, 128, 64])
  assert.deepEqual(shapeOf({ aspect_ratio: '16:9' }), [1, 680, 384])
  assert.deepEqual(shapeOf({}), [1, null, null])
  assert.deepEqual(framesOf({ frames: ['one', 'two'], num_outputs: 1 }).length, 2)
  assert.match(JSON.stringify(shapeOf({ aspect_ratio: 'wide' })), /aspect_ratio.*two numbers such as 16:9/)
  assert.match(faults({ prompt: 'x', aspect_ratio: '1:1' }).join(), /no runner has announced it; give width and height/)
})

test('what is wrong is pointed at where it stands in the input', () => {
  const cases: [Record<string, unknown>, string[]][] = [
    [{}, ['/prompt: required; or frames, or a whole story']],
    [{ prompt: ' ' }, ['/prompt: must not be blank']],
    [{ prompt: 'x', frames: ['y'] }, ['/prompt: give prompt or frames, not both']],
    [{ frames: ['x', ''] }, ['/frames/1/prompt: must not be blank']],
    [{ frames: [{}] }, ['/frames/0/prompt: required']],
    [{ prompt: 'x', guidance: 4 }, ['/guidance: unknown field']],
    [{ prompt: 'x', num_outputs: 13 }, ['/num_outputs: 1 to 12']],
    [{ prompt: 'x', size: 'large' }, ['/size: pixels such as 512x512']],
    [{ prompt: 'x', size: '64x64', width: 64 }, ['/size: not together with width and height']],
    [{ prompt: 'x', size: '64x65' }, ['/height: a multiple of 8']],
    [{ prompt: 'x', size: '64x64', aspect_ratio: '1:1' }, ['/size: not together with aspect_ratio']],
    [{ prompt: 'x', webhook: 'https://a.example/' }, ['/webhook: belongs beside input, not into it']],
    [{ story: { frames: [{ prompt: 'x' }], model: 'm' } }, ['/story/model: belongs beside input, not into it']],
    [{ story: { frames: [{ prompt: 'x' }] }, seed: 1 }, ['/seed: belongs into story']],
    [{ story: 'a fox' }, ['/story: expected an object, not a string']],
    [{ story: { frames: [{ prompt: 'x', 'a/b': 1 }] } }, ['/story/frames/0/a~1b: unknown field']],
  ]
  for (const [input, expected] of cases) assert.deepEqual(faults(input), expected, JSON.stringify(input))
})

/**
 * What Replicate itself has answered. The collection was made from pages of models, which leave out logs, source and
 * urls; outputs of other models are of any shape, and newer ids of Replicate have all digits.
 */
const Recorded = Prediction.omit({ logs: true, source: true, urls: true }).extend({
  id: z.string().regex(/^[a-z0-9]{26}$/),
  output: z.unknown(),
})

test('predictions that Replicate has recorded fit our schema, and leave no field over', () => {
  assert.ok(recorded.length >= 60, `${recorded.length} predictions`)
  for (const prediction of recorded) assert.deepEqual(Recorded.parse(prediction), prediction)
})
