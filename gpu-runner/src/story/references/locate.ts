/** Where the characters of a finished picture are: it is noised, and its prompt's words are looked for in it. */
import { gaussian } from '../../engine/diffusion/noise.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import type { Picture } from '../../engine/io/png.ts'
import { type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { ConditioningRow } from '../../engine/pipeline/conditioning.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { scheduleFor } from '../plan/schedule.ts'
import { type CharacterMasks, characterMasks } from '../sharing/masks.ts'
import { nearest } from './references.ts'

/** The timestep it is noised to: one call of the UNet, where a reference picture takes three. */
const look = 500

export interface LocateOptions {
  readonly row: ConditioningRow
  /** Of each group of words, [T,K]. */
  readonly selector: Float32Array
  /** K, of which the cast comes first. */
  readonly groups: number
  /** By place in the cast: whether the prompt speaks of the character. */
  readonly depicts: readonly boolean[]
  /** Of the picture's latents. */
  readonly grid: Grid
}

export async function locate(
  { autoencoder, denoiser, scheduler }: Pipeline,
  picture: Picture,
  { row, selector, groups, depicts, grid }: LocateOptions,
): Promise<CharacterMasks> {
  const length = autoencoder.latentChannels * grid.height * grid.width
  const shape = [1, autoencoder.latentChannels, grid.height, grid.width]
  const clean = await autoencoder.encode(rgbPlanes([picture.rgb], picture), { data: new Float32Array(length), shape })
  const schedule = scheduleFor(scheduler, null, 20)
  const at = nearest(schedule.timesteps, look)
  // Fixed noise, as for references: the same picture is read the same way in every story.
  const noise = gaussian({ seed: 0, story: '', frame: 'finished', stream: look }, length)
  const latent = schedule.scaleInput(schedule.addNoise(clean.data as Float32Array, noise, at), at)
  const call = { rows: [{ ...row, latent, selector }], grid, timestep: schedule.timesteps[at]!, tokenGroups: groups }
  const map = (await denoiser.run(call)).maps[0]!
  const from = levelGrid(grid, denoiser.plan.maps)
  const pixels = from.width * from.height
  const maps = depicts.map((here, c) =>
    here ? Float32Array.from({ length: pixels }, (_, p) => map[p * groups + c]!) : null,
  )
  return characterMasks(maps, from, grid)
}
