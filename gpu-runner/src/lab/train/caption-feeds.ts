/** What the text says in a step on sets: the captions of all columns, and which tokens speak of which pixels. */

import { positionWords } from '../../../../contract/prompts/regional-prompts.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import { regionalFeeds } from '../../engine/pipeline/regional-attention.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { type CaptionOptions, captionFrame } from '../storydb/caption.ts'
import { outsideCaption } from '../storydb/everyday.ts'
import type { Frame } from '../storydb/types.ts'
import { captionTokens, groups, maxCharacters, parts, type TokenisedCaption, tokenise } from './captions.ts'
import { type Drop, withoutText } from './drops.ts'
import { tokenSelector } from './frame-feeds.ts'
import type { Random } from './random.ts'
import type { SetModel, SetRecipe } from './set-loss.ts'
import type { SetFrame } from './sets.ts'

export function captionFeeds(
  frames: readonly SetFrame[],
  drops: readonly Drop[],
  tokenizer: Tokenizer,
  { latentShape: [, height, width], unet }: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const tokens = maxCharacters * captionTokens
  const captioned = frames.map(({ frame, style, cast }, i) => {
    const short = random.uniform() < recipe.shortCaptions
    const options = { variant: random.below(2 ** 31), style, ...(short ? { detail: 'short' as const } : {}) }
    const captions = withoutText(drops[i]!)
      ? emptyCaptions(style === 'everyday' ? random : null, tokenizer)
      : columnCaptions(frame, options, tokenizer)
    return { captions, positions: castGroups(captions, cast) }
  })
  return {
    ...encodedOnce(captioned.flatMap(({ captions }) => captions.map(({ ids }) => ids))),
    selector: tokenSelector(
      captioned.map(({ positions }) => positions),
      tokens,
    ),
    castSelector: castSelector(
      captioned.map(({ positions }) => positions),
      tokens,
    ),
    ...captionBiasFeeds(
      frames.map(({ frame }) => frame),
      { height, width },
      unet.channels.length,
    ),
  }
}

/** castSelector[N,T,C]: 1 where a token speaks of any part of a character. */
function castSelector(rows: readonly (readonly (readonly number[])[])[], tokens: number): HostTensor {
  const data = new Float32Array(rows.length * tokens * maxCharacters)
  for (const [i, positions] of rows.entries())
    for (const [g, own] of positions.entries())
      for (const t of own) data[(i * tokens + t) * maxCharacters + Math.floor(g / parts.length)] = 1
  return { data, shape: [rows.length, tokens, maxCharacters] }
}

/** Each of `captions` once, and which of them is which. */
function encodedOnce(captions: readonly (readonly number[])[]): Record<string, HostTensor> {
  const places = new Map<string, number>()
  const found = captions.map((ids) => {
    const key = ids.join()
    const place = places.get(key) ?? places.size
    places.set(key, place)
    return place
  })
  const captionOf = new Float32Array(captions.length * places.size)
  for (const [row, place] of found.entries()) captionOf[row * places.size + place] = 1
  const ids = [...places.keys()].flatMap((key) => key.split(',').map(BigInt))
  return {
    ids: { data: BigInt64Array.from(ids), shape: [places.size, captionTokens] },
    captionOf: { data: captionOf, shape: [captions.length, places.size] },
  }
}

/** What keeps each pixel to its own region's caption, on the grids of all levels of a UNet. */
export function captionBiasFeeds(frames: readonly Frame[], finest: Grid, levels: number): Record<string, HostTensor> {
  const regions = frames.map(({ actors }) => actors.length)
  const owners = regions.map((count) => [...Array(count).keys()])
  return regionalFeeds(regions, {
    ...{ owners, prompts: maxCharacters, grid: finest },
    levels: [...Array(levels).keys()],
  })
}

/** A frame's captions, for each actor as if it were alone there, and empty ones for columns that are not there. */
export function columnCaptions(frame: Frame, options: CaptionOptions, tokenizer: Tokenizer): TokenisedCaption[] {
  return Array.from({ length: maxCharacters }, (_, column) => {
    const actor = frame.actors[column]
    if (!actor) return tokenise([], tokenizer)
    const place = positionWords(column, frame.actors.length)
    const { segments } = captionFrame({ ...frame, actors: [actor] }, options)
    return tokenise(place ? [{ text: place }, ...segments] : segments, tokenizer)
  })
}

/**
 * Captions without content, for all columns of a frame: empty ones, and with `random` some that hold but words of no
 * meaning here. Guidance takes its direction from them, and negative prompts are of this kind.
 */
export function emptyCaptions(random: Random | null, tokenizer: Tokenizer): TokenisedCaption[] {
  const wordy = random !== null && random.uniform() < 0.3
  const caption = tokenise(wordy ? outsideCaption(random.below(2 ** 31)) : [], tokenizer)
  return Array.from({ length: maxCharacters }, () => caption)
}

/** Token positions by column, in each of its one character → by place in the cast, counted over all columns. */
function castGroups(captions: readonly TokenisedCaption[], cast: readonly number[]): number[][] {
  const out: number[][] = Array.from({ length: groups }, () => [])
  for (const [column, place] of cast.entries())
    for (let p = 0; p < parts.length; p++)
      out[place * parts.length + p] = captions[column]!.groups[p]!.map((at) => column * captionTokens + at)
  return out
}
