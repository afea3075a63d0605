/**
 * Prompt-guided segmentation (Character-Adapter): a reference picture is noised, shown to the model with the character's
 * description, and cut out where attention finds the words; then cut into face, upper and lower body.
 */
import { describe } from '../../../../contract/prompts/frame-prompt.ts'
import { type Picture, resized } from '../../engine/io/png.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import { encodeConditioning } from '../../engine/pipeline/conditioning.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { tokenisePrompt } from '../plan/tokens.ts'
import { type AttentionMap, characterMasks, resize, stretch } from '../sharing/masks.ts'
import { tokenSelector } from '../sharing/token-selector.ts'
import { cutOut, type Reference, wholePicture } from './cut-out.ts'
import { plainBackground } from './foreground.ts'
import { noisedAttention } from './noised-attention.ts'

/** The paper's figure shows 650 of 1000. */
const timesteps = [350, 500, 650]
/** Shares of a character's height that its regions take where attention finds none: from the top, [from, to]. */
const usualBands = [
  [0, 0.45],
  [0.4, 0.75],
  [0.7, 1],
] as const
/** A region of less than this share of its character is not believed. */
const leastRegion = 0.01

/** What stands out from a plain background is the character; else, where attention finds its description. */
export async function cutByPrompt(
  pipeline: Pipeline,
  picture: Picture,
  phrase: string,
  byRegion: boolean,
): Promise<Reference> {
  const { rgb, width: side } = picture
  const plain = plainBackground(picture)
  // Three calls of the UNet, which nothing would be asked of.
  if (plain && !byRegion) return cutOut({ rgb, size: side, mask: plain, parts: [] }, side) ?? wholePicture(picture)
  const { from, character, regions } = await promptMaps(pipeline, picture, phrase)
  const to: Grid = { width: side, height: side }
  const mask = plain ?? bytes(characterMasks([character], from, to)[0]!)
  return cutOut({ rgb, size: side, mask, parts: regionMasks(mask, regions, from, to) }, side) ?? wholePicture(picture)
}

const bytes = (mask: Uint8Array) => mask.map((bit) => 255 * bit)

/** The character's pixels go to the region whose words they attend to most; what that leaves empty gets its usual band. */
export function regionMasks(
  mask: Uint8Array,
  maps: readonly (AttentionMap | null)[],
  from: Grid,
  to: Grid,
): Uint8Array[] {
  const stretched = maps.map((map) => map && stretch(resize(map, from, to)))
  const parts = maps.map(() => new Uint8Array(mask.length))
  let [top, bottom, area] = [to.height, 0, 0]
  for (let p = 0; p < mask.length; p++) {
    if (mask[p]! < 128) continue
    area++
    const y = Math.floor(p / to.width)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y + 1)
    let best = -1
    for (const [g, map] of stretched.entries()) if (map && (best < 0 || map[p]! > stretched[best]![p]!)) best = g
    if (best >= 0) parts[best]![p] = mask[p]!
  }
  for (const [g, part] of parts.entries()) {
    if (part.reduce((sum, value) => sum + Number(value > 0), 0) >= Math.max(1, leastRegion * area)) continue
    const [start, end] = usualBands[g]!.map((share) => top + share * (bottom - top)) as [number, number]
    for (let p = 0; p < mask.length; p++) {
      const y = Math.floor(p / to.width)
      if (y >= start && y < end) part[p] = mask[p]!
    }
  }
  return parts
}

/**
 * Attention of a picture's pixels to a description, as a whole and by region; null for what has no words. The picture
 * fills the model's square.
 */
export async function promptMaps(pipeline: Pipeline, picture: Picture, phrase: string) {
  const { autoencoder, denoiser, text, size } = pipeline
  // A model that was trained on captions of ours finds clothes by their words, and all of somebody by what they do.
  const trained = denoiser.config.promptLayout === 'columns'
  const segments = [...describe(phrase, 0), ...(trained ? [{ text: 'stands', character: 0 }] : [])]
  const tokenised = text.tokenizers.map((tokenizer) =>
    tokenisePrompt(segments, tokenizer, 1, { syntax: 'plain', room: text.length - 2 }),
  )
  const groups = [tokenised[0]!.tokens[0]!, ...tokenised[0]!.regions[0]!]
  const prompts = [{ ids: tokenised.map(({ ids }) => ids) }]
  const [row] = (await encodeConditioning(pipeline, { prompts, size: [size, size] })).conditional
  const { maps, from } = await noisedAttention(pipeline, await resized(picture, size, size), {
    ...{ row: row!, selector: tokenSelector(groups, text.length), groups: groups.length, timesteps },
    grid: { width: size / autoencoder.factor, height: size / autoencoder.factor },
    noise: 'reference',
  })
  const [character, ...regions] = maps.map((map, k) => (groups[k]!.length > 0 ? map : null))
  return { from, character: character ?? null, regions }
}
