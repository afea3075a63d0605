/** What every training stage takes and gives. */
import type { Recipe } from './recipes.ts'
import type { RunReport } from './run.ts'

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
}

export interface StageReport extends RunReport {
  /** The stage's own figure, for the progress line. */
  note: string
}

export type Stage = (options: StageOptions) => AsyncGenerator<StageReport, void>
