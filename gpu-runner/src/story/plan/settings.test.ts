import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { StoryRequest } from '../../../../contract/story.ts'
import { sd15 } from '../../../../test/model-folder.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { settingsOf } from './settings.ts'

const mini = await openPipeline(join(import.meta.dirname, '../../../models/story-mini'), {})
const sd = await openPipeline(sd15, {})
after(() => Promise.all([mini.release(), sd.release()]))
const story = (more: object) => StoryRequest.parse({ frames: [{ prompt: 'a fox' }], ...more })
const told = ({ steps, guidance_scale, guidance_interval }: ReturnType<typeof settingsOf>) => [
  steps,
  guidance_scale,
  guidance_interval,
]

test('a rectified flow leaves the last quarter of its steps unguided, a noise schedule guides all of them', () => {
  assert.deepEqual(told(settingsOf(story({}), null, mini)), [20, 3, [0, 0.75]])
  assert.deepEqual(told(settingsOf(story({}), null, sd)), [25, 7.5, [0, 1]])
})

test('what a story says comes before what its model is used to', () => {
  const own = story({ steps: 9, guidance_scale: 2, guidance_interval: [0.1, 1] })
  assert.deepEqual(told(settingsOf(own, null, mini)), [9, 2, [0.1, 1]])
})
