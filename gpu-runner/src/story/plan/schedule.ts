/** The schedule of a story: the model's own, or another that its training allows, by name. */
import { createSchedule, type Schedule, ScheduleError } from '../../engine/diffusion/schedulers/index.ts'
import { StoryRejected } from '../types.ts'

const flow = 'FlowMatchEulerDiscreteScheduler'

/** What a request may ask for, by the names people use. */
const names: Readonly<Record<string, string>> = {
  'flow-match-euler': flow,
  ddim: 'DDIMScheduler',
  ddpm: 'DDPMScheduler',
  euler: 'EulerDiscreteScheduler',
  'euler-ancestral': 'EulerAncestralDiscreteScheduler',
  heun: 'HeunDiscreteScheduler',
  'dpm-solver': 'DPMSolverMultistepScheduler',
  unipc: 'UniPCMultistepScheduler',
  lcm: 'LCMScheduler',
  tcd: 'TCDScheduler',
  pndm: 'PNDMScheduler',
}

/** Whether `config`, a scheduler_config.json, is of a rectified flow rather than of a noise schedule. */
export const isFlow = (config: object): boolean => '_class_name' in config && config._class_name === flow

/** Names of the schedulers for a model: a rectified flow and a noise schedule cannot replace each other. */
export const schedulersFor = (config: object): string[] =>
  Object.keys(names).filter((name) => (names[name] === flow) === isFlow(config))

/**
 * The schedule of a model's `config` in so many steps; `scheduler` is a name of `schedulersFor`, or null for the model's
 * own. Throws `StoryRejected` for a count of steps that the schedule has not.
 */
export function scheduleFor(config: object, scheduler: string | null, steps: number): Schedule {
  try {
    return createSchedule(config, { steps, ...(scheduler !== null && { className: names[scheduler]! }) })
  } catch (error) {
    if (error instanceof ScheduleError) throw new StoryRejected(error.message, { cause: error })
    throw error
  }
}
