import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRejected } from '../types.ts'
import { scheduleFor } from './schedule.ts'

const flow = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 2 }
const noise = { _class_name: 'PNDMScheduler', beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 }

test("without a wish it is the model's own schedule, with one of the asked-for length", () => {
  assert.equal(scheduleFor(flow, null, 7).timesteps.length, 7)
  assert.equal(scheduleFor(noise, 'ddim', 9).timesteps.length, 9)
})

test('what does not fit the model or does not exist is the fault of the story, and says what would do', () => {
  assert.throws(
    () => scheduleFor(flow, 'ddim', 5),
    new StoryRejected("scheduler 'ddim' does not fit this model; flow-match-euler do"),
  )
  assert.throws(() => scheduleFor(noise, 'nonsense', 5), /'nonsense' does not fit this model; ddim, ddpm, euler/)
  assert.throws(
    () => scheduleFor(noise, null, 2000),
    (error) => error instanceof StoryRejected && /2000 steps/.test(error.message),
  )
})
