/**
 * Reference pictures of a story's characters as identity tokens. Each picture is cut out by Character-Adapter's
 * prompt-guided segmentation: noised, shown to the model with the character's description, and cut along where the
 * words are looked for; then the whole and its face, upper and lower body go through the image encoder.
 */

import { regionNames } from '../../../../contract/prompts/body-regions.ts'
import { nounPhrase } from '../../../../contract/prompts/description.ts'
import { describe } from '../../../../contract/prompts/frame-prompt.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { gaussian } from '../../engine/diffusion/noise.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import { type Picture, PictureError, readImage, resized } from '../../engine/io/png.ts'
import { type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import { encodeConditioning } from '../../engine/pipeline/conditioning.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { scheduleFor } from '../plan/schedule.ts'
import { tokenisePrompt } from '../plan/tokens.ts'
import { type AttentionMap, characterMasks, resize, stretch } from '../sharing/masks.ts'
import { StoryRejected } from '../types.ts'
import { cutOut, plainReference, type Reference } from './cut-out.ts'
import { plainBackground } from './foreground.ts'
import type { CharacterReferences } from './id-injector.ts'

/** Timesteps at which a noised reference is looked at; the paper's figure shows 650 of 1000. */
const looks = [350, 500, 650]
/** Side in pixels of a reference that is cut out. */
const side = 128
/** Shares of a character's height that its regions take where attention does not tell: from the top, [from, to]. */
const usualBands = [
  [0, 0.45],
  [0.4, 0.75],
  [0.7, 1],
] as const
/** A region of less than this share of its character is not believed. */
const leastRegion = 0.01

export interface PreparedReferences {
  readonly tokens: Float32Array[]
  /** By place in the cast. */
  readonly cast: (CharacterReferences | undefined)[]
}

export interface ReferenceOptions {
  /** Bytes of the pictures that the request names by URL. */
  readonly pictures?: Readonly<Record<string, Uint8Array>> | undefined
  readonly regions: boolean
  /** Show the encoder pictures as they are, with their backgrounds. */
  readonly uncut?: boolean | undefined
  readonly signal: AbortSignal
}

/** Null where no character has references, or the model cannot use them. Throws `StoryRejected` for what is no picture. */
export async function prepareReferences(
  pipeline: Pipeline,
  { characters }: Pick<StoryRequest, 'characters'>,
  { pictures, regions, uncut = false, signal }: ReferenceOptions,
): Promise<PreparedReferences | null> {
  const { identity } = pipeline
  if (!identity || characters.every(({ references }) => !references?.length)) return null
  const planes: Float32Array[] = []
  const add = (reference: Reference, region: 'whole' | number) =>
    planes.push(plainReference(reference, region, identity.side)) - 1
  const cast: PreparedReferences['cast'] = []
  for (const [c, { name, description, references = [] }] of characters.entries()) {
    signal.throwIfAborted()
    const own = { whole: [] as number[], regions: regionNames.map((): number[] => []) }
    for (const [i, source] of references.entries()) {
      const picture = await fitted(await readPicture(source, pictures, `/characters/${c}/references/${i}`), side, side)
      const reference = uncut
        ? whole(picture)
        : await cutByPrompt(pipeline, picture, nounPhrase(description, name), regions)
      own.whole.push(add(reference, 'whole'))
      if (regions) for (const [g, box] of reference.parts.entries()) if (box) own.regions[g]!.push(add(reference, g))
    }
    cast.push(references.length > 0 ? own : undefined)
  }
  return { tokens: await identity.encode(planes), cast }
}

/** `pointer` says where the story names it. Throws `StoryRejected` for what is no picture. */
export async function readPicture(
  source: string,
  pictures: ReferenceOptions['pictures'],
  pointer: string,
): Promise<Picture> {
  const bytes = source.startsWith('data:')
    ? Buffer.from(source.slice(source.indexOf(',') + 1), 'base64')
    : pictures?.[source]
  if (!bytes) throw new StoryRejected(`${pointer}: ${source} was not fetched`)
  try {
    return await readImage(bytes, 25e6)
  } catch (error) {
    if (error instanceof PictureError) throw new StoryRejected(`${pointer}: ${error.message}`, { cause: error })
    throw error
  }
}

/** As large as fits, in the middle of white. */
export async function fitted(picture: Picture, width: number, height: number): Promise<Picture> {
  const factor = Math.min(width / picture.width, height / picture.height)
  const [w, h] = [picture.width, picture.height].map((length) => Math.max(1, Math.round(length * factor)))
  const small = await resized(picture, w!, h!)
  if (w === width && h === height) return small
  const rgb = new Uint8Array(width * height * 3).fill(255)
  const [left, top] = [(width - w!) >> 1, (height - h!) >> 1]
  for (let y = 0; y < h!; y++) rgb.set(small.rgb.subarray(y * w! * 3, (y + 1) * w! * 3), ((top + y) * width + left) * 3)
  return { rgb, width, height }
}

function whole({ rgb }: Picture): Reference {
  const parts = regionNames.map(() => null)
  return { size: side, rgb, alpha: new Uint8Array(side * side).fill(255), box: [0, 0, side, side], parts }
}

/** What stands out from a plain background is the character; else, where its description is looked for. */
async function cutByPrompt(
  pipeline: Pipeline,
  picture: Picture,
  phrase: string,
  byRegion: boolean,
): Promise<Reference> {
  const { rgb } = picture
  const plain = plainBackground(picture)
  // Three calls of the UNet, which nothing would be asked of.
  if (plain && !byRegion) return cutOut({ rgb, size: side, mask: plain, parts: [] }, side) ?? whole(picture)
  const { from, character, regions } = await promptMaps(pipeline, picture, phrase)
  const to: Grid = { width: side, height: side }
  const mask = plain ?? bytes(characterMasks([character], from, to)[0]!)
  return cutOut({ rgb, size: side, mask, parts: regionMasks(mask, regions, from, to) }, side) ?? whole(picture)
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

/** Attention of a noised picture to its description, as a mean over `looks`; the picture fills the model's square. */
export async function promptMaps(pipeline: Pipeline, picture: Picture, phrase: string) {
  const { autoencoder, denoiser, text, size } = pipeline
  // A model that was trained on captions of ours finds clothes by their words, and all of somebody by what they do.
  const trained = denoiser.config.promptLayout === 'columns'
  const segments = [...describe(phrase, 0), ...(trained ? [{ text: 'stands', character: 0 }] : [])]
  const written = text.tokenizers.map((tokenizer) => tokenisePrompt(segments, tokenizer, 1))
  const groups = [written[0]!.tokens[0]!, ...written[0]!.regions[0]!]
  const selector = new Float32Array(text.length * groups.length)
  for (const [k, positions] of groups.entries())
    for (const position of positions) selector[position * groups.length + k] = 1 / positions.length
  const prompts = [written.map(({ ids }) => ids)]
  const [row] = (await encodeConditioning(pipeline, { prompts, size: [size, size] })).conditional
  const grid: Grid = { width: size / autoencoder.factor, height: size / autoencoder.factor }
  const length = autoencoder.latentChannels * grid.width * grid.height
  const shape = [1, autoencoder.latentChannels, grid.height, grid.width]
  const { rgb } = await resized(picture, size, size)
  const clean = await autoencoder.encode(rgbPlanes([rgb], { width: size, height: size }), {
    data: new Float32Array(length),
    shape,
  })
  const schedule = scheduleFor(pipeline.scheduler, null, 20)
  const from = levelGrid(grid, denoiser.plan.maps)
  const sum = groups.map(() => new Float32Array(from.width * from.height))
  for (const timestep of looks) {
    const at = nearest(schedule.timesteps, timestep)
    // Fixed noise: the same picture is cut the same way in every story.
    const noise = gaussian({ seed: 0, story: '', frame: 'reference', stream: timestep }, length)
    const latent = schedule.scaleInput(schedule.addNoise(clean.data as Float32Array, noise, at), at)
    const call = {
      rows: [{ ...row!, latent, selector }],
      grid,
      timestep: schedule.timesteps[at]!,
      tokenGroups: groups.length,
    }
    const map = (await denoiser.run(call)).maps[0]!
    for (const [k, own] of sum.entries()) for (let p = 0; p < own.length; p++) own[p]! += map[p * groups.length + k]!
  }
  const [character, ...regions] = sum.map((map, k) => (groups[k]!.length > 0 ? map : null))
  return { from, character: character ?? null, regions }
}

export function nearest(timesteps: ArrayLike<number>, wanted: number): number {
  let best = 0
  for (let i = 1; i < timesteps.length; i++)
    if (Math.abs(timesteps[i]! - wanted) < Math.abs(timesteps[best]! - wanted)) best = i
  return best
}
