/** What every training stage takes and gives. */
import { join } from 'node:path'
import type { Device } from '../../engine/runtime/device.ts'
import type { Recipe } from './recipes.ts'
import type { RunReport } from './run.ts'
import { Trainer, type TrainerOptions } from './trainer.ts'

export interface StageOptions {
  recipe: Recipe
  /** The model folder: a stage reads what earlier ones left there, writes its own part, and keeps its state in `training/`. */
  folder: string
  seed: number
  minutes: number
  resume: boolean
  sheetMinutes: number
  signal: AbortSignal
  /** A finished model to begin with instead of random weights. */
  init?: string
  /** Where the graph runs; the CPU by default. */
  device?: Device
}

/** The trainer of stage `name`, which keeps its state and log in the model folder. */
export function openTrainer(
  name: string,
  { folder, seed, resume, device = 'cpu' }: Pick<StageOptions, 'folder' | 'seed' | 'resume' | 'device'>,
  graph: Omit<TrainerOptions, 'folder' | 'seed' | 'resume' | 'device'>,
): Promise<Trainer> {
  return Trainer.open({ ...graph, folder: join(folder, 'training', name), seed, resume, device })
}

export interface StageReport extends RunReport {
  /** The stage's own figure, for the progress line. */
  note: string
}

export type Stage = (options: StageOptions) => AsyncGenerator<StageReport, void>
