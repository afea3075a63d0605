/** A picture that the request names as an anchor: its latents, and where its character is in it. */

import { nounPhrase } from '../../../../contract/prompts/description.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import type { AnchorSource } from '../plan/anchors.ts'
import { plainBackground } from '../references/foreground.ts'
import { fitted, readPicture } from '../references/picture-input.ts'
import { promptMaps } from '../references/prompt-guided-segmentation.ts'
import { type CharacterMasks, characterMasks, coarser } from '../sharing/masks.ts'
import { asKept } from './bank.ts'

export interface GivenImage {
  /** Clean latents [C,h,w]. */
  readonly latent: Float32Array
  /** Where each of the story's cast is, on the grid of the latents. */
  readonly masks: CharacterMasks
}

export interface AnchorPictureOptions {
  readonly cast: StoryRequest['characters']
  /** Bytes of the pictures that the story names by URL or hash. */
  readonly pictures?: Readonly<Record<string, Uint8Array>> | undefined
  /** Of the latents. */
  readonly grid: Grid
  /** Pixels of the story's frames. */
  readonly size: { readonly width: number; readonly height: number }
}

/** Throws `StoryRejected` for what is no picture. */
export async function encodeAnchorPicture(
  pipeline: Pipeline,
  { picture: source, pointer, character }: AnchorSource & { type: 'picture' },
  { cast, pictures, grid, size: { width, height } }: AnchorPictureOptions,
): Promise<GivenImage> {
  const { autoencoder } = pipeline
  const picture = await fitted(await readPicture(source, pictures, pointer), width, height)
  const shape = [1, autoencoder.latentChannels, grid.height, grid.width]
  const still = { data: new Float32Array(autoencoder.latentChannels * grid.height * grid.width), shape }
  const encoded = await autoencoder.encode(rgbPlanes([picture.rgb], picture), still)
  const latent = asKept(encoded.data as Float32Array)
  const mask = await maskOf()
  return { latent, masks: cast.map((_, place) => (place === character ? mask : null)) }

  async function maskOf(): Promise<Uint8Array> {
    const plain = plainBackground(picture)
    if (plain)
      return coarser(
        plain.map((value) => Number(value > 127)),
        { width, height },
        grid,
      )
    const { name, description } = cast[character]!
    const maps = await promptMaps(pipeline, picture, nounPhrase(description, name))
    return characterMasks([maps.character], maps.from, grid)[0] ?? new Uint8Array(grid.width * grid.height).fill(1)
  }
}
