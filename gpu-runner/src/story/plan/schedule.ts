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
  pndm: 'PNDMScheduler',
}

/** `config` is the model's scheduler_config.json; a rectified flow and a noise schedule cannot stand in for each other. */
export function scheduleFor(config: object, wanted: string | null, steps: number): Schedule {
  const own = '_class_name' in config ? config._class_name : undefined
  const possible = Object.keys(names).filter((name) => (names[name] === flow) === (own === flow))
  if (wanted !== null && !possible.includes(wanted))
    throw new StoryRejected(`scheduler '${wanted}' does not fit this model; ${possible.join(', ')} do`)
  try {
    return createSchedule(config, { steps, ...(wanted ? { className: names[wanted]! } : {}) })
  } catch (error) {
    if (error instanceof ScheduleError) throw new StoryRejected(error.message, { cause: error })
    throw error
  }
}
