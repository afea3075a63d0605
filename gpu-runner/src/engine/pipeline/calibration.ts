/**
 * How likely two cut-outs show the same character, by the cosine similarity of their tokens less the mean of all cut-outs:
 * P(same) = sigmoid(slope · cosine + offset). `npm run calibrate` fits it and writes `consistency.safetensors` into the
 * model folder: `mean` F32 [T,X], `logistic` F32 [2].
 */
import { existsSync } from 'node:fs'
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { ModelError } from './source.ts'

export interface Calibration {
  /** Mean tokens of all cut-outs, [T·X]. */
  readonly mean: Float32Array
  readonly slope: number
  readonly offset: number
}

export const calibrationFile = 'consistency.safetensors'

/** Null where there is no such file. Throws `ModelError` for one of another encoder, or a damaged one. */
export function readCalibration(path: string, [tokens, width]: readonly [number, number]): Calibration | null {
  if (!existsSync(path)) return null
  const { tensors, read } = openSafetensors(path)
  for (const [name, shape] of Object.entries({ mean: [tokens, width], logistic: [2] }))
    if (String(tensors.get(name)?.shape) !== String(shape))
      throw new ModelError(
        `${path}: '${name}' is [${tensors.get(name)?.shape ?? ''}], not [${shape}]; npm run calibrate makes it anew`,
      )
  const [mean, logistic] = [read('mean'), read('logistic')]
  if (![...mean, ...logistic].every(Number.isFinite))
    throw new ModelError(`${path} is damaged: not all of its numbers are finite; npm run calibrate makes it anew`)
  const [slope, offset] = logistic as unknown as [number, number]
  return { mean, slope, offset }
}

export function writeCalibration(
  path: string,
  { mean, slope, offset }: Calibration,
  [tokens, width]: readonly [number, number],
): void {
  writeSafetensors(path, {
    mean: { dtype: 'F32', shape: [tokens, width], data: mean },
    logistic: { dtype: 'F32', shape: [2], data: Float32Array.of(slope, offset) },
  })
}
