import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { StoryRequest } from '../../../../contract/story.ts'
import { sd15 } from '../../../../test/model-folder.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { factsOf } from '../model-facts.ts'
import { StoryRejected } from '../types.ts'
import { settingsOf } from './settings.ts'

const mini = await openPipeline(join(import.meta.dirname, '../../../models/story-mini'), {})
const sd = await openPipeline(sd15, {})
after(() => Promise.all([mini.release(), sd.release()]))
const story = (more: object) => StoryRequest.parse({ frames: [{ prompt: 'a fox' }], ...more })
const sampling = ({ steps, guidance_scale, guidance_interval }: ReturnType<typeof settingsOf>) => [
  steps,
  guidance_scale,
  guidance_interval,
]

test('a rectified flow leaves the last quarter of its steps unguided, a noise schedule guides all of them', () => {
  assert.deepEqual(sampling(settingsOf(story({}), null, factsOf(mini))), [20, 3, [0, 0.75]])
  assert.deepEqual(sampling(settingsOf(story({}), null, factsOf(sd))), [25, 7.5, [0, 1]])
})

test('what a story says comes before what its model is used to', () => {
  const own = story({ steps: 9, guidance_scale: 2, guidance_interval: [0.1, 1] })
  assert.deepEqual(sampling(settingsOf(own, null, factsOf(mini))), [9, 2, [0.1, 1]])
})

test('a scheduler, or a size, that the model lacks is the fault of the story, and the error says what would do', () => {
  const rejected = (model: typeof mini, more: object, message: string) =>
    assert.throws(() => settingsOf(story(more), null, factsOf(model)), new StoryRejected(message))
  rejected(mini, { scheduler: 'ddim' }, "scheduler 'ddim' does not fit this model; flow-match-euler do")
  rejected(mini, { height: 512 }, '128×512 is too large; story-mini draws up to 256×256')
  assert.throws(
    () => settingsOf(story({ scheduler: 'nonsense' }), null, factsOf(sd)),
    /'nonsense' does not fit this model; ddim, ddpm, euler/,
  )
})
