/** The schedule of a story: the model's own, or another of its kind by name. */
import { z } from 'zod'
import { FlowMatchEulerConfig, flowMatchEuler } from '../diffusion/schedulers/flow-match-euler.ts'
import type { Schedule } from '../diffusion/schedulers/schedule.ts'
import { StoryRejected } from './types.ts'

const FlowConfig = FlowMatchEulerConfig.extend({ _class_name: z.literal('FlowMatchEulerDiscreteScheduler') })

export function scheduleFor(config: unknown, wanted: string | null, steps: number): Schedule {
  if (wanted && wanted !== 'flow-match-euler')
    throw new StoryRejected(`unknown scheduler '${wanted}'; this model has flow-match-euler`)
  return flowMatchEuler(FlowConfig.parse(config), steps)
}
