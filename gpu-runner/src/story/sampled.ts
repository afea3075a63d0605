/** All frames of a story sampled together, each character shared among the frames it is in. */

import { BankError, joinCast } from '../../../contract/bank.ts'
import { LIMITS, type StoryRequest } from '../../../contract/story.ts'
import { gaussian } from '../engine/diffusion/noise.ts'
import { sample } from '../engine/diffusion/sample.ts'
import { type Picture, readImage } from '../engine/io/png.ts'
import { type Grid, levelGrid } from '../engine/pipeline/attention-plan.ts'
import { toRgb } from '../engine/pipeline/autoencoder.ts'
import { encodeConditioning } from '../engine/pipeline/conditioning.ts'
import { type Guidance, guidedDenoise, isGuided } from '../engine/pipeline/guided.ts'
import type { Pipeline } from '../engine/pipeline/open.ts'
import { bankAnchors, pictureAnchors } from './bank/anchors.ts'
import { type Bank, readBank } from './bank/bank.ts'
import { factsOf } from './model-facts.ts'
import { planCalls } from './plan/calls.ts'
import { castPrompts, framePrompt } from './plan/prompts.ts'
import { namedIn } from './plan/regional-prompts.ts'
import { bankOf, joinReferences, storyRows } from './plan/rows.ts'
import { scheduleFor } from './plan/schedule.ts'
import { matchOf, settingsOf } from './plan/settings.ts'
import { Injector } from './references/injector.ts'
import { locate } from './references/locate.ts'
import { type PreparedReferences, prepareReferences, type ReferenceOptions } from './references/references.ts'
import type { FrameMasks } from './sharing/masks.ts'
import type { SharingMode } from './sharing/modes.ts'
import { Synchronizer } from './sharing/synchronizer.ts'
import { type GenerateOptions, type StoryEvent, type StoryFrameResult, StoryRejected } from './types.ts'

/** Beside the weights. More rows in a call make it no faster on a CPU. */
const usualCallBytes = 4 * 2 ** 30

export interface SampleOptions {
  /** What the rows of one UNet call may take, unless frames that look at each other need more. */
  readonly callBytes?: number
  /** Another way of sharing than the method's, to be compared with it. */
  readonly mode?: SharingMode
  /** References as whole pictures at every pixel, as an IP-Adapter without masks takes them; to be compared with. */
  readonly wholePictures?: boolean
  /** Told at the end of sampling where the characters of each frame are, on the finest grid that is shared. */
  readonly onMasks?: ((masks: readonly FrameMasks[], grid: Grid) => void) | undefined
}

/** Frames whose latents are there. */
export interface Sampled {
  readonly cast: StoryRequest['characters']
  /** Of the latents, and of masks. */
  readonly grid: Grid
  readonly references: PreparedReferences | null
  /** What is left of the story; null where it shows no character, or not all anchors were sampled. */
  readonly bank: Bank | null
  frame(index: number): Promise<StoryFrameResult>
  masks(index: number): FrameMasks
  /** Pictures that frames looked at and that are none of them. */
  beside(): Promise<{ picture: Picture; masks: FrameMasks }[]>
  /** A frame that was drawn before; null for what is no picture of the story's size. */
  finished(index: number, png: Uint8Array): Promise<{ picture: Picture; masks: FrameMasks } | null>
}

/** `wanted` frames, and those that they look at, as latents. */
export async function* sampledStory(
  pipeline: Pipeline,
  { callBytes = usualCallBytes, mode, wholePictures, onMasks }: SampleOptions,
  request: StoryRequest,
  { seed, signal, pictures, bank: file }: GenerateOptions,
  wanted: readonly number[],
): AsyncGenerator<StoryEvent, Sampled> {
  const { autoencoder, denoiser, text } = pipeline
  const bank = file ? openBank(file) : null
  const model = factsOf(pipeline)
  const settings = settingsOf(request, bank?.header ?? null, model)
  const { width, height, negative_prompt: negative, synchronizer: strength, injector, regions: byRegion } = settings
  const grid = { width: width / model.factor, height: height / model.factor }
  const guidance: Guidance = {
    scale: settings.guidance_scale,
    rescale: settings.guidance_rescale,
    interval: settings.guidance_interval,
  }
  const schedule = scheduleFor(pipeline.scheduler, settings.scheduler, settings.steps)
  const match = bank && matchOf(bank.header, settings, model)
  const latentShape = [autoencoder.latentChannels, grid.height, grid.width]
  if (bank && String(bank.latentShape) !== String(latentShape))
    throw new StoryRejected(`/bank: its latents are [${bank.latentShape}], not [${latentShape}]`)
  const characters = castOf(request, bank)
  const story = { ...request, characters, style: settings.style }
  signal.throwIfAborted()

  yield { type: 'stage', stage: 'encoding_text' }
  const generation = bank ? 1 + Math.max(...bank.header.anchors.map((anchor) => anchor.generation)) : 0
  const given = { pictures, seed, generation, size: settings, grid, signal }
  const anchors = [
    ...(bank ? bankAnchors(bank, characters, match!.repeat) : []),
    ...(await pictureAnchors(pipeline, story, given)),
  ]
  const written = [...story.frames.map((_, frame) => framePrompt(story, frame)), ...anchors.map(({ prompt }) => prompt)]
  const byColumn = settings.layout === 'columns'
  const cast = castPrompts(written, { cast: characters.length, negative, byColumn }, text)
  const { prompts, columns, tokens, regions, negatives } = cast
  const present = tokens.map((cast) => cast.map((positions) => positions.length > 0))
  const { rows, rowOf } = storyRows(story, { seed, prompts: written, present, anchors, generation })
  const conditioning = await encodeConditioning(pipeline, {
    prompts,
    regionalPrompts: columns,
    negatives: isGuided(guidance) ? negatives : undefined,
    clipSkip: settings.clip_skip,
    size: [height, width],
  })
  const shown = { pictures, regions: byRegion, uncut: wholePictures, signal }
  const references = injector > 0 ? await referencesOf(pipeline, story, match?.model ? bank : null, shown) : null
  signal.throwIfAborted()

  yield { type: 'stage', stage: 'sampling' }
  const steps = schedule.timesteps.length
  const { plan } = denoiser
  const more = references && byRegion ? regions.map((cast) => cast.flat()) : undefined
  const standing = written.map((prompt, row) => (columns[row] ? namedIn(prompt) : null))
  const recorded = strength > 0 || characters.length > 0
  const sharing = recorded
    ? new Synchronizer({
        ...{ rows, tokens, more, text, plan, grid, strength, seed, steps, mode },
        columns: standing,
        guard: settings.leak_guard,
      })
    : undefined
  const injection =
    references && sharing
      ? new Injector({
          ...references,
          ...{ strength: injector, regions: byRegion, located: pipeline.identity!.located, everywhere: wholePictures },
          ...{ present, plan, grid },
          columns: standing,
          map: (frame, column) => sharing.map(frame, column),
        })
      : undefined
  const looksAt = sharing?.looksAt ?? []
  const calls = await planCalls(pipeline, { wanted: wanted.map((frame) => rowOf[frame]!), looksAt, grid, callBytes })
  const perRow = autoencoder.latentChannels * grid.height * grid.width
  const noiseOf = (row: number, stream: number) =>
    gaussian({ seed: rows[row]!.seed, story: '', frame: '', stream }, perRow)
  const noise = (stream: number) => {
    const all = new Float32Array(calls.frames.length * perRow)
    for (const [slot, row] of calls.frames.entries()) all.set(noiseOf(row, stream), slot * perRow)
    return all
  }
  const noised = (row: number, step: number) => {
    const { latent } = rows[row]!
    return latent && schedule.scaleInput(schedule.addNoise(latent, noiseOf(row, 0), step), step)
  }
  const inCalls = { ...calls, sharing, injection, given: noised, signal }
  const denoise = guidedDenoise({ denoiser, conditioning, grid, guidance, steps, ...inCalls })
  let latents = new Float32Array()
  for await (const step of sample({ schedule, denoise, noise: noise(0), stepNoise: (i) => noise(i + 1) })) {
    signal.throwIfAborted()
    latents = Float32Array.from(step.x)
    yield { type: 'step', step: step.step, steps: step.steps }
  }
  const latentOf = (row: number) => {
    const slot = calls.frames.indexOf(row)
    return rows[row]!.latent ?? (slot < 0 ? undefined : latents.slice(slot * perRow, (slot + 1) * perRow))
  }
  if (sharing && onMasks) {
    const finest = levelGrid(grid, plan.shared[0] ?? plan.maps)
    onMasks(sharing.masks(finest).slice(0, story.frames.length), finest)
  }
  const masks = sharing?.masks(grid) ?? []
  const made = { story, settings, bank, repeat: match?.repeat ?? true, anchors, rows, references }
  const decoded = async (data: Float32Array): Promise<Picture> => {
    const latent = { data, shape: [1, ...latentShape] }
    return { rgb: toRgb(await autoencoder.decode(latent, { mostBytes: callBytes, signal })), width, height }
  }
  const count = story.frames.length
  return {
    ...{ cast: characters, grid, references },
    bank: sharing ? bankOf(pipeline, { ...made, latentOf, masksOf: (row) => masks[row]! }) : null,
    async frame(index) {
      const row = rowOf[index]!
      return { index, ...(await decoded(latentOf(row)!)), seed: rows[row]!.seed }
    },
    masks: (index) => masks[rowOf[index]!] ?? [],
    async beside() {
      const seen: { picture: Picture; masks: FrameMasks }[] = []
      for (const [a, { kept }] of anchors.entries())
        if (!rowOf.includes(count + a)) seen.push({ picture: await decoded(kept.latent), masks: kept.masks })
      return seen
    },
    async finished(index, png) {
      const picture = await readImage(png)
      if (picture.width !== width || picture.height !== height) return null
      const row = rowOf[index]!
      if (!sharing || rows[row]!.masks || calls.frames.includes(row)) return { picture, masks: masks[row] ?? [] }
      const words = {
        row: conditioning.conditional[row]!,
        selector: sharing.selectors[row]!,
        columns: sharing.tokenGroups,
      }
      return { picture, masks: await locate(pipeline, picture, { ...words, present: present[row]!, grid }) }
    },
  }
}

function openBank(file: Uint8Array): Bank {
  try {
    return readBank(file)
  } catch (error) {
    throw error instanceof BankError ? new StoryRejected(`/bank: ${error.message}`, { cause: error }) : error
  }
}

/** Who may be in the frames: declared, or known to the bank. */
function castOf({ characters }: StoryRequest, bank: Bank | null): StoryRequest['characters'] {
  if (!bank) return characters
  const cast = joinCast(characters, bank.header.cast)
  const names = cast.map(({ name }) => name.toLowerCase())
  const twice = cast.find((_, c) => names.indexOf(names[c]!) < c)
  if (twice) throw new StoryRejected(`/bank: another character is called ${twice.name}`)
  if (cast.length > LIMITS.characters)
    throw new StoryRejected(
      `/bank: ${cast.length} characters with those of the bank (${bank.header.cast.map(({ id }) => id).join(', ')}); at most ${LIMITS.characters}`,
    )
  return cast
}

/** What references made of the cast. A character that the bank knows keeps what it has there, whatever is shown now. */
async function referencesOf(
  pipeline: Pipeline,
  { characters }: StoryRequest,
  bank: Bank | null,
  options: ReferenceOptions,
): Promise<PreparedReferences | null> {
  const isNew = (id: string) => !bank?.header.cast.some((character) => character.id === id)
  const added = characters.map((one) => (isNew(one.id) ? one : { ...one, references: undefined }))
  const { identity } = pipeline
  if (bank && bank.identities.length > 0 && String(bank.identityShape) !== String([identity?.tokens, identity?.width]))
    throw new StoryRejected(`/bank: its identities are [${bank.identityShape}], not as this model has them`)
  return joinReferences(bank, characters, await prepareReferences(pipeline, { characters: added }, options))
}
