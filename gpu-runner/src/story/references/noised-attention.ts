/** Where attention finds words in a finished picture: the picture is noised, and run through the UNet with a prompt. */
import { gaussian } from '../../engine/diffusion/noise.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import type { Picture } from '../../engine/io/png.ts'
import { type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { ConditioningRow } from '../../engine/pipeline/conditioning.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { scheduleFor } from '../plan/schedule.ts'
import type { AttentionMap } from '../sharing/masks.ts'

export interface NoisedAttentionOptions {
  readonly row: ConditioningRow
  /** Of each group of words, [T,K]. */
  readonly selector: Float32Array
  /** K */
  readonly groups: number
  /** Of the picture's latents. */
  readonly grid: Grid
  /** That it is noised to: a call of the UNet for each. */
  readonly timesteps: readonly number[]
  /** Names the noise, which is the same in every story, so that the same picture is read the same way. */
  readonly noise: string
}

/** For each group the attention of the picture's pixels, summed over the timesteps; on the grid `from`. */
export async function noisedAttention(
  { autoencoder, denoiser, scheduler }: Pipeline,
  picture: Picture,
  { row, selector, groups, grid, timesteps, noise }: NoisedAttentionOptions,
): Promise<{ maps: AttentionMap[]; from: Grid }> {
  const length = autoencoder.latentChannels * grid.width * grid.height
  const still = {
    data: new Float32Array(length),
    shape: [1, autoencoder.latentChannels, grid.height, grid.width],
  }
  const clean = (await autoencoder.encode(rgbPlanes([picture.rgb], picture), still)).data as Float32Array
  const schedule = scheduleFor(scheduler, null, 20)
  const from = levelGrid(grid, denoiser.plan.maps)
  const maps = Array.from({ length: groups }, () => new Float32Array(from.width * from.height))
  for (const timestep of timesteps) {
    const at = nearest(schedule.timesteps, timestep)
    const noised = schedule.addNoise(
      clean,
      gaussian({ seed: 0, story: '', frame: noise, stream: timestep }, length),
      at,
    )
    const latent = schedule.scaleInput(noised, at)
    const call = { rows: [{ ...row, latent, selector }], grid, timestep: schedule.timesteps[at]!, tokenGroups: groups }
    const map = (await denoiser.run(call)).maps[0]!
    for (const [k, own] of maps.entries()) for (let p = 0; p < own.length; p++) own[p]! += map[p * groups + k]!
  }
  return { maps, from }
}

function nearest(timesteps: ArrayLike<number>, timestep: number): number {
  let best = 0
  for (let i = 1; i < timesteps.length; i++)
    if (Math.abs(timesteps[i]! - timestep) < Math.abs(timesteps[best]! - timestep)) best = i
  return best
}
