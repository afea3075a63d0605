/** The feeds of a step on sets: what is drawn, dropped and withheld. `set-loss.ts` says what each input means. */

import { positionWords } from '../../../../contract/prompts/regional-prompts.ts'
import { layoutTimestep, promptRegionMask } from '../../engine/diffusion/regional-prompts.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { CharacterEncoderConfig } from '../../engine/models/character-encoder.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import { regionalFeeds } from '../../engine/pipeline/regional-attention.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { type Region, seenRegions } from '../../story/references/cut-out.ts'
import { type CaptionOptions, captionFrame } from '../storydb/caption.ts'
import type { Frame } from '../storydb/types.ts'
import { captionTokens, groups, maxCharacters, parts, type TokenisedCaption, tokenise } from './captions.ts'
import { drawLevel } from './denoiser.ts'
import type { Random } from './random.ts'
import { planReferences, type ReferencePlan } from './reference-strategy.ts'
import { shuffledReference } from './references.ts'
import { type SetModel, type SetRecipe, sharedGrids } from './set-loss.ts'
import type { FrameSet, SetFrame } from './sets.ts'

/** Added to scores of what is not to be seen. */
const hidden = -1e4

/** The noise level of a frame that stands for a finished picture. */
const clean = 0.02

export interface Step {
  step: number
  /** Steps of the whole training. */
  steps: number
}

/** What of its conditions a sample gets to see. */
type Drop = 'nothing' | 'text' | 'image' | 'both'

export function setFeeds(
  sets: readonly FrameSet[],
  tokenizer: Tokenizer,
  model: SetModel,
  recipe: SetRecipe,
  when: Step,
  random: Random,
): Record<string, HostTensor> {
  const frames = sets.flatMap((set) => set.frames)
  const drops = frames.map(() => drawDrop(recipe, random))
  const truth = drawTruth(sets, drops, recipe, when, random)
  const { sigma, flowWeight } = drawLevels(sets.length, recipe, random)
  const size = model.latentShape.reduce((a, b) => a * b, 1)
  const latent = new Float32Array(frames.length * size)
  for (const [i, frame] of frames.entries()) latent.set(frame.latent, i * size)
  return {
    latent: { data: latent, shape: [frames.length, ...model.latentShape] },
    noise: { data: random.normals(frames.length * size), shape: [frames.length, ...model.latentShape] },
    sigma: column(sigma),
    flowWeight: column(flowWeight),
    useTruth: column(truth),
    perceptualAt: column(perceptualWeights(sigma, when.step, recipe)),
    ...captionFeeds(frames, drops, tokenizer, model, recipe, random),
    ...sharingFeeds(sets, model, recipe, random),
    ...referenceFeeds(sets, drops, sigma, model, recipe, random),
  }
}

/** One number for each row, [N,1,1,1]. */
const column = (values: readonly number[]): HostTensor => ({
  data: Float32Array.from(values),
  shape: [values.length, 1, 1, 1],
})

export function drawDrop({ textDrop, imageDrop, bothDrop }: SetRecipe, random: Random): Drop {
  const u = random.uniform()
  if (u < bothDrop) return 'both'
  if (u < bothDrop + textDrop) return 'text'
  return u < bothDrop + textDrop + imageDrop ? 'image' : 'nothing'
}

const withoutText = (drop: Drop) => drop === 'text' || drop === 'both'
const withoutImage = (drop: Drop) => drop === 'image' || drop === 'both'

/**
 * Whether a row's masks are the true ones: at first all are, in the end `truthAtEnd` of the sets. Attention without a
 * caption knows no characters, so that there the true ones stay.
 */
function drawTruth(
  sets: readonly FrameSet[],
  drops: readonly Drop[],
  { truthAtEnd, frames }: SetRecipe,
  { step, steps }: Step,
  random: Random,
): number[] {
  const share = 1 - (1 - truthAtEnd) * Math.min(1, step / steps)
  return sets.flatMap((_, s) => {
    const all = random.uniform() < share
    return Array.from({ length: frames }, (_, i) => Number(all || withoutText(drops[s * frames + i]!)))
  })
}

/** Noise levels, mostly one for the set; a frame that is all but clean has no velocity to be learnt and weighs nothing. */
export function drawLevels(sets: number, recipe: SetRecipe, random: Random): { sigma: number[]; flowWeight: number[] } {
  const { shift, frames, commonLevel, cleanFrame } = recipe
  const draw = () => drawLevel(shift, random)
  const [sigma, flowWeight]: [number[], number[]] = [[], []]
  for (let s = 0; s < sets; s++) {
    const common = random.uniform() < commonLevel ? draw() : null
    const finished = random.uniform() < cleanFrame ? random.below(frames) : -1
    for (let i = 0; i < frames; i++) {
      sigma.push(i === finished ? clean : (common ?? draw()))
      flowWeight.push(Number(i !== finished))
    }
  }
  return { sigma, flowWeight }
}

/** w(t) = 1 − t below 0.6 and 0 above, where a prediction is still mostly noise; less of it while training is young. */
export function perceptualWeights(sigma: readonly number[], step: number, { perceptualWarmup }: SetRecipe): number[] {
  const warm = Math.min(1, step / perceptualWarmup)
  return sigma.map((t) => (t < 0.6 && t !== clean ? warm * (1 - t) : 0))
}

function captionFeeds(
  frames: readonly SetFrame[],
  drops: readonly Drop[],
  tokenizer: Tokenizer,
  { latentShape: [, height, width], unet }: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const [n, pixels] = [frames.length, height * width]
  const tokens = maxCharacters * captionTokens
  const masks = new Float32Array(n * groups * pixels)
  const selector = new Float32Array(n * tokens * groups)
  const castSelector = new Float32Array(n * tokens * maxCharacters)
  const columns: TokenisedCaption[] = []
  for (const [i, item] of frames.entries()) {
    const short = random.uniform() < recipe.shortCaptions
    const options = { variant: random.below(2 ** 31), ...(short ? { detail: 'short' as const } : {}) }
    const captions = columnCaptions(item.frame, options, tokenizer, withoutText(drops[i]!))
    columns.push(...captions)
    for (const [p, value] of item.masks.entries()) masks[i * groups * pixels + p] = value / 255
    for (const [g, positions] of castGroups(captions, item.cast).entries()) {
      const character = Math.floor(g / parts.length)
      for (const position of positions) {
        selector[(i * tokens + position) * groups + g] = 1
        castSelector[(i * tokens + position) * maxCharacters + character] = 1
      }
      // A part that the caption is silent about has no words to be held to; its mask still weighs the flow loss.
      if (positions.length === 0) for (let t = 0; t < tokens; t++) selector[(i * tokens + t) * groups + g] = 1
    }
  }
  return {
    ...encodedOnce(columns.map(({ ids }) => ids)),
    masks: { data: masks, shape: [n, groups, height, width] },
    selector: { data: selector, shape: [n, tokens, groups] },
    castSelector: { data: castSelector, shape: [n, tokens, maxCharacters] },
    ...captionBiasFeeds(
      frames.map(({ frame }) => frame),
      { height, width },
      unet.channels.length,
    ),
  }
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
  return regionalFeeds(regions, maxCharacters, finest, [...Array(levels).keys()])
}

/** A frame's captions, for each actor as if it were alone there, and empty ones for columns that are not there. */
export function columnCaptions(
  frame: Frame,
  options: CaptionOptions,
  tokenizer: Tokenizer,
  withheld = false,
): TokenisedCaption[] {
  return Array.from({ length: maxCharacters }, (_, column) => {
    const actor = frame.actors[column]
    if (!actor || withheld) return tokenise([], tokenizer)
    const place = positionWords(column, frame.actors.length)
    const { segments } = captionFrame({ ...frame, actors: [actor] }, options)
    return tokenise(place ? [{ text: place }, ...segments] : segments, tokenizer)
  })
}

/** Token positions by column, in each of its one character → by place in the cast, counted over all columns. */
function castGroups(captions: readonly TokenisedCaption[], cast: readonly number[]): number[][] {
  const out: number[][] = Array.from({ length: groups }, () => [])
  for (const [column, place] of cast.entries())
    for (let p = 0; p < parts.length; p++)
      out[place * parts.length + p] = captions[column]!.groups[p]!.map((at) => column * captionTokens + at)
  return out
}

/** Which characters frames have in common, and which foreign pixels are left out on each grid. */
export function sharingFeeds(
  sets: readonly FrameSet[],
  model: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const { frames: n, alone, frameDrop, keyDrop } = recipe
  const common = new Float32Array(sets.length * n * n * maxCharacters)
  const grids = sharedGrids(model.latentShape).map((pixels) => ({
    pixels,
    closed: new Float32Array(sets.length * n * n * pixels),
  }))
  for (const [s, { frames }] of sets.entries()) {
    const shares = random.uniform() >= alone
    const drop = keyDrop * random.uniform()
    for (const [j, shown] of frames.entries()) {
      const open = shares && random.uniform() >= frameDrop
      for (const [i, reader] of frames.entries())
        for (const character of shown.cast)
          common[((s * n + j) * n + i) * maxCharacters + character] = Number(reader.cast.includes(character))
      for (const { pixels, closed } of grids)
        for (let p = 0; p < pixels; p++) {
          // Who looks makes no difference to which pixels are left out.
          const out = !open || random.uniform() < drop
          for (const [i, reader] of frames.entries()) {
            const strangers = !reader.cast.some((character) => shown.cast.includes(character))
            if (i !== j && (out || strangers)) closed[((s * n + i) * n + j) * pixels + p] = hidden
          }
        }
    }
  }
  return {
    common: { data: common, shape: [sets.length * n, n, maxCharacters] },
    ...Object.fromEntries(
      grids.map(({ pixels, closed }) => [`closed${pixels}`, { data: closed, shape: [sets.length, n, n, pixels] }]),
    ),
  }
}

function referenceFeeds(
  sets: readonly FrameSet[],
  drops: readonly Drop[],
  sigma: readonly number[],
  { identity, latentShape }: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const { frames: n, references: strategy } = recipe
  const views = sets.map(({ references }) => ({ frames: n, seen: references.map((frame) => frame.map(seenRegions)) }))
  const present = sets.map(({ frames, references }) =>
    frames.map(({ cast }) => references[0]!.map((_, character) => cast.includes(character))),
  )
  const withheld = sets.map((_, s) => Array.from({ length: n }, (_, i) => withoutImage(drops[s * n + i]!)))
  const plan = planReferences(views, present, withheld, strategy, random)
  const { size } = CharacterEncoderConfig.parse(identity.encoder)
  const pixels = new Float32Array(strategy.references * 3 * size * size)
  const others = sets.flatMap(({ references }) => references.flat().filter((reference) => reference !== null))
  for (const [r, { set, frame, character, region }] of plan.references.entries()) {
    const reference = sets[set]!.references[frame]![character]!
    pixels.set(shuffledReference(reference, region, size, random, others), r * 3 * size * size)
  }
  return {
    pixels: { data: pixels, shape: [strategy.references, 3, size, size] },
    ...slotFeeds(plan, sets, sigma, identity.adapter.tokens, latentShape, recipe, random),
  }
}

function slotFeeds(
  plan: ReferencePlan,
  sets: readonly FrameSet[],
  sigma: readonly number[],
  tokens: number,
  [, height, width]: readonly [number, number, number],
  { frames: n, references: { slots, references, perSlot } }: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const rows = new Float32Array(slots * sets.length * n)
  const chosen = new Float32Array(slots * perSlot * references)
  const tokenBias = new Float32Array(slots * perSlot * tokens).fill(hidden)
  const masks = new Float32Array(slots * height * width)
  for (const [p, { set, frame, character, region, references: own }] of plan.slots.entries()) {
    rows[p * sets.length * n + set * n + frame] = 1
    for (const [k, reference] of own.entries()) {
      chosen[(p * perSlot + k) * references + reference] = 1
      tokenBias.fill(0, (p * perSlot + k) * tokens, (p * perSlot + k + 1) * tokens)
    }
    const { masks: truth, cast } = sets[set]!.frames[frame]!
    const mask = regionMask(truth, character, region, height * width)
    // As at sampling: first the whole region of its prompt, for nobody knows the place yet; then masks that are not quite exact.
    const early = 1000 * sigma[set * n + frame]! > layoutTimestep
    const known = () => (random.uniform() < 0.5 ? widened(mask, height, width) : mask)
    const place = early ? promptRegionMask(cast.indexOf(character), cast.length, { height, width }) : known()
    masks.set(place, p * height * width)
  }
  return {
    slotRows: { data: rows, shape: [slots, sets.length * n] },
    slotReferences: { data: chosen, shape: [slots * perSlot, references] },
    slotTokenBias: { data: tokenBias, shape: [slots, 1, 1, perSlot * tokens] },
    slotMasks: { data: masks, shape: [slots, 1, height, width] },
  }
}

/** Where a region of a character is, 0 … 1. */
function regionMask(masks: Uint8Array, character: number, region: Region, pixels: number): Float32Array {
  const out = new Float32Array(pixels)
  for (let part = 0; part < parts.length; part++)
    if (region === 'whole' || region === part)
      for (let p = 0; p < pixels; p++) out[p]! += masks[(character * parts.length + part) * pixels + p]! / 255
  return out.map((value) => Math.min(1, value))
}

/** The largest value of each pixel and its eight neighbours. */
function widened(mask: Float32Array, height: number, width: number): Float32Array {
  return mask.map((_, p) => {
    const [y, x] = [Math.floor(p / width), p % width]
    let most = 0
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) most = Math.max(most, mask[v * width + u]!)
    return most
  })
}
