/** What every sampler is: noise levels fixed in advance, and a pure step from one to the next. */

export interface Schedule {
  /** One for each call of the model, in order. */
  readonly timesteps: Float64Array
  /** Deviation of the first latent: unit noise times this. */
  readonly initNoiseSigma: number
  /** Whether `step` wants noise; the last step may still ignore it. */
  readonly drawsNoise: boolean
  /** The input of the model for `x` at call `i`. */
  scaleInput(x: Float32Array, i: number): Float32Array
  /** From `x` at call `i`, before `scaleInput`, to the latent of call `i + 1`. Element by element, so any shape will do. */
  step(x: Float32Array, modelOutput: Float32Array, i: number, state: State, noise?: Float32Array): Step
  /** `clean` brought to the noise level of call `i`, to start there rather than from noise alone. */
  addNoise(clean: Float32Array, noise: Float32Array, i: number): Float32Array
}

interface Step {
  readonly x: Float32Array
  /** The clean latent as it is estimated at this call. */
  readonly denoised: Float32Array
  readonly state: State
}

/** What a sampler remembers from one step to the next; never changed in place. */
export interface State {
  /** Earlier predictions, newest first, in whatever form the sampler combines. */
  readonly outputs: readonly Float32Array[]
  /** A latent that the next step comes back to. */
  readonly x?: Float32Array
  /** Order of the step that made the present latent. */
  readonly order?: number
}

export const initialState: State = { outputs: [] }

export class ScheduleError extends Error {
  override name = 'ScheduleError'
}

/** The sum of `factor` times `values` over all terms, of one length. */
export function combine(...terms: readonly (readonly [factor: number, values: Float32Array])[]): Float32Array {
  const out = new Float32Array(terms[0]?.[1].length ?? 0)
  for (let k = 0; k < out.length; k++) {
    let sum = 0
    for (const [factor, values] of terms) sum += factor * values[k]!
    out[k] = sum
  }
  return out
}

function clamp(values: Float32Array, limit: number): Float32Array {
  return values.map((value) => Math.max(-limit, Math.min(limit, value)))
}

export type PredictionType = 'epsilon' | 'sample' | 'v_prediction'

/** The clean latent and the noise that `x` = alpha · clean + sigma · noise is made of, by the model's output. */
export function split(
  type: PredictionType,
  x: Float32Array,
  modelOutput: Float32Array,
  alpha: number,
  sigma: number,
): { clean: Float32Array; noise: Float32Array } {
  switch (type) {
    case 'epsilon':
      return { clean: combine([1 / alpha, x], [-sigma / alpha, modelOutput]), noise: modelOutput }
    case 'sample':
      return { clean: modelOutput, noise: combine([1 / sigma, x], [-alpha / sigma, modelOutput]) }
    case 'v_prediction':
      return { clean: combine([alpha, x], [-sigma, modelOutput]), noise: combine([alpha, modelOutput], [sigma, x]) }
  }
}

/** `split` at the level ᾱ = `alpha`, with the clean latent clipped where the configuration of the sampler says so. */
export function splitAt(
  alpha: number,
  { prediction_type: type, clip_sample: clips, clip_sample_range: limit }: ClipConfig,
  x: Float32Array,
  modelOutput: Float32Array,
): { clean: Float32Array; noise: Float32Array } {
  const { clean, noise } = split(type, x, modelOutput, Math.sqrt(alpha), Math.sqrt(1 - alpha))
  return { clean: clips ? clamp(clean, limit) : clean, noise }
}

interface ClipConfig {
  readonly prediction_type: PredictionType
  readonly clip_sample: boolean
  readonly clip_sample_range: number
}

/** What is alike in samplers whose levels are those of training, √ᾱ · clean + √(1 − ᾱ) · noise, at `timesteps`. */
export const atTrainingLevels = (alphas: ArrayLike<number>, timesteps: Float64Array) => ({
  timesteps,
  initNoiseSigma: 1,
  scaleInput: (x: Float32Array) => x,
  addNoise(clean: Float32Array, noise: Float32Array, i: number) {
    const alpha = alphas[timesteps[i]!]!
    return combine([Math.sqrt(alpha), clean], [Math.sqrt(1 - alpha), noise])
  },
})

export function required(noise: Float32Array | undefined, i: number): Float32Array {
  if (!noise) throw new ScheduleError(`step ${i} draws noise, and none was given`)
  return noise
}
