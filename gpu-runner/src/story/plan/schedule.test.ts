import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRejected } from '../types.ts'
import { scheduleFor, schedulersFor } from './schedule.ts'

const flow = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 2 }
const noise = { _class_name: 'PNDMScheduler', beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 }

test("without a wish it is the model's own schedule, with one of the asked-for length", () => {
  assert.equal(scheduleFor(flow, null, 7).timesteps.length, 7)
  assert.equal(scheduleFor(noise, 'ddim', 9).timesteps.length, 9)
})

test('a rectified flow and a noise schedule do not stand in for each other', () => {
  assert.deepEqual(schedulersFor(flow), ['flow-match-euler'])
  assert.deepEqual(schedulersFor(noise).slice(0, 3), ['ddim', 'ddpm', 'euler'])
  assert.ok(!schedulersFor(noise).includes('flow-match-euler'))
})

test('more steps than a schedule has are the fault of the story', () => {
  assert.throws(
    () => scheduleFor(noise, null, 2000),
    (error) => error instanceof StoryRejected && /2000 steps/.test(error.message),
  )
})
