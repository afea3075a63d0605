/** What a model of one file was trained to predict, and the scheduler that goes with it. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Checkpoint } from '../../io/safetensors.ts'
import type { Family } from '../../models/ldm-config.ts'

export interface Prediction {
  readonly type: 'epsilon' | 'v_prediction'
  /** Trained to begin with noise alone (arXiv:2305.08891). */
  readonly zeroSnr: boolean
}

/**
 * By the first of these that says something: a tensor `v_pred`, and `ztsnr`, as NoobAI marks its files; the metadata of
 * Stability's model specification; a `.yaml` file of the same name beside it; for SD 2 one layer whose values only the
 * 768 models have so far from 0, as ComfyUI tells them apart; `vpred` in the name of the file.
 */
export function predictionOf(file: Checkpoint, family: Family): Prediction {
  const { tensors, metadata, path } = file
  const zeroSnr = tensors.has('ztsnr')
  if (tensors.has('v_pred')) return { type: 'v_prediction', zeroSnr }
  const stated = metadata['modelspec.prediction_type']?.toLowerCase()
  if (stated === 'v' || stated === 'v_prediction') return { type: 'v_prediction', zeroSnr }
  if (stated === 'epsilon') return { type: 'epsilon', zeroSnr }
  const beside = parameterization(path.replace(/\.safetensors$/, '.yaml'))
  if (beside) return { type: beside === 'v' ? 'v_prediction' : 'epsilon', zeroSnr }
  const told = family === 'sd2' && deviates(file)
  const named = /v[-_]?pred/i.test(path.split(/[\\/]/).at(-1)!)
  return { type: told || named ? 'v_prediction' : 'epsilon', zeroSnr }
}

function parameterization(path: string): string | undefined {
  if (!existsSync(path) || !statSync(path).isFile() || statSync(path).size > 1 << 20) return undefined
  return /parameterization:\s*["']?(\w+)/.exec(readFileSync(path, 'utf8'))?.[1]
}

function deviates(file: Checkpoint): boolean {
  const name = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias'
  if (!file.tensors.has(name)) return false
  const values = file.read(name)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) > 0.09
}

/** As diffusers takes for files that bring none. */
export function schedulerFor({ type, zeroSnr }: Prediction): object {
  return {
    _class_name: 'EulerDiscreteScheduler',
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: 'scaled_linear',
    num_train_timesteps: 1000,
    steps_offset: 1,
    prediction_type: type,
    ...(zeroSnr
      ? { timestep_spacing: 'trailing', rescale_betas_zero_snr: true }
      : { timestep_spacing: 'leading', rescale_betas_zero_snr: false }),
  }
}
