/** Samplers by the class names and configuration files of diffusers. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DdimConfig, ddim } from './ddim.ts'
import { DdpmConfig, ddpm } from './ddpm.ts'
import { DpmSolverMultistepConfig, dpmSolverMultistep } from './dpm-solver-multistep.ts'
import { EulerAncestralConfig, EulerConfig, euler, eulerAncestral, HeunConfig, heun } from './euler.ts'
import { FlowMatchEulerConfig, flowMatchEuler } from './flow-match-euler.ts'
import { LcmConfig, lcm } from './lcm.ts'
import { PndmConfig, pndm } from './pndm.ts'
import { type Schedule, ScheduleError } from './schedule.ts'
import { TcdConfig, tcd } from './tcd.ts'
import { UniPcMultistepConfig, uniPcMultistep } from './unipc-multistep.ts'

export { initialState, type Schedule, ScheduleError, type State } from './schedule.ts'

export interface ScheduleOptions {
  readonly steps: number
  /** Another class than the configuration names; it takes the keys that it knows, and its own defaults for the rest. */
  readonly className?: string
  /** DDIM: how much of DDPM's noise to draw; TCD: how far below the next level to jump. */
  readonly eta?: number
  /** Flow matching with `use_dynamic_shifting` only: logarithm of the shift. */
  readonly mu?: number
}

const classes: Readonly<Record<string, (config: object, options: ScheduleOptions) => Schedule>> = {
  FlowMatchEulerDiscreteScheduler: (config, { steps, mu }) =>
    flowMatchEuler(read(FlowMatchEulerConfig, config), steps, mu),
  DDIMScheduler: (config, { steps, eta }) => ddim(read(DdimConfig, config), steps, eta),
  EulerDiscreteScheduler: (config, { steps }) => euler(read(EulerConfig, config), steps),
  EulerAncestralDiscreteScheduler: (config, { steps }) => eulerAncestral(read(EulerAncestralConfig, config), steps),
  HeunDiscreteScheduler: (config, { steps }) => heun(read(HeunConfig, config), steps),
  DPMSolverMultistepScheduler: (config, { steps }) => dpmSolverMultistep(read(DpmSolverMultistepConfig, config), steps),
  UniPCMultistepScheduler: (config, { steps }) => uniPcMultistep(read(UniPcMultistepConfig, config), steps),
  LCMScheduler: (config, { steps }) => lcm(read(LcmConfig, config), steps),
  TCDScheduler: (config, { steps, eta }) => tcd(read(TcdConfig, config), steps, eta),
  DDPMScheduler: (config, { steps }) => ddpm(read(DdpmConfig, config), steps),
  PNDMScheduler: (config, { steps }) => pndm(read(PndmConfig, config), steps),
}

const schedulerClasses: readonly string[] = Object.keys(classes)

/** The schedule that `config`, a parsed `scheduler_config.json`, describes. */
export function createSchedule(config: object, options: ScheduleOptions): Schedule {
  const className = options.className ?? ('_class_name' in config ? config._class_name : undefined)
  const create = typeof className === 'string' && Object.hasOwn(classes, className) ? classes[className] : undefined
  if (!create) {
    throw new ScheduleError(`no scheduler ${brief(className)}; there are ${schedulerClasses.join(', ')}`)
  }
  const most = 'num_train_timesteps' in config ? Number(config.num_train_timesteps) : 1000
  if (!Number.isInteger(options.steps) || options.steps < 1 || options.steps > most) {
    throw new ScheduleError(`${options.steps} steps: 1 to ${most} are possible`)
  }
  const schedule = create(config, options)
  // Continuous timesteps are logarithms.
  const least = 'timestep_type' in config && config.timestep_type === 'continuous' ? -most : 0
  const wrong = schedule.timesteps.find((timestep) => !(timestep >= least && timestep <= most))
  if (wrong === undefined) return schedule
  throw new ScheduleError(`${options.steps} steps come to timestep ${wrong}, and there are 0 to ${most}`)
}

/** Read `scheduler_config.json` of a model's scheduler folder. */
export function readSchedulerConfig(folder: string): object {
  const path = join(folder, 'scheduler_config.json')
  // Python writes infinities, which JSON has not; they stand for "no limit".
  try {
    const text = readFileSync(path, 'utf8').replace(/:\s*-?Infinity\b/g, ': null')
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (error) {
    throw new ScheduleError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

function read<T>(schema: z.ZodType<T>, config: object): T {
  const result = schema.safeParse(config)
  if (result.success) return result.data
  const [{ path, message }] = result.error.issues as [z.core.$ZodIssue]
  const value = (config as Record<PropertyKey, unknown>)[path[0] ?? '']
  throw new ScheduleError(`scheduler_config.json: ${path.join('.')} is ${brief(value)}: ${message}`)
}

const brief = (value: unknown) =>
  typeof value === 'object' && value !== null ? 'a list or an object' : String(JSON.stringify(value)).slice(0, 100)
