/** The real story model: samples all frames of a story together, each character shared among the frames it is in. */
import type { StoryRequest } from '../../../contract/story.ts'
import { gaussian } from '../diffusion/noise.ts'
import { guide, sample } from '../diffusion/sample.ts'
import type { HostTensor } from '../runtime/session.ts'
import { type AttentionMap, characterMasks, type FrameMasks, type Grid } from './masks.ts'
import { openPipeline, type Pipeline, sharedLevels } from './pipeline.ts'
import { framePrompt, type TokenisedPrompt, tokenisePrompt } from './prompts.ts'
import { scheduleFor } from './schedule.ts'
import { chooseAnchors, foreignPixels, gatherIndices } from './sharing.ts'
import { type Device, type StoryEvent, type StoryModel, StoryRejected, type TellOptions } from './types.ts'

const defaults = { steps: 25, guidance: 3 }

/** Share of a foreign character's pixels that are left out at full strength, so that poses stay free (ConsiStory's). */
const fullStrengthDrop = 0.5

/** Pictures with sides beyond this many times those a model was trained on are no pictures any more. */
const maxScale = 2

/** Maps of this many steps are averaged into masks. */
const window = 10

export async function openStoryModel({ folder, device }: { folder: string; device: Device }): Promise<StoryModel> {
  const pipeline = await openPipeline(folder, { device })
  return {
    name: pipeline.name,
    defaultSize: { width: pipeline.size, height: pipeline.size },
    tell: (request, options) => tell(pipeline, request, options),
    close: () => pipeline.close(),
  }
}

async function* tell(pipeline: Pipeline, request: StoryRequest, options: TellOptions): AsyncGenerator<StoryEvent> {
  const { seed, signal, skip = new Set<number>() } = options
  const frames = request.frames.length
  const size = { width: request.width ?? pipeline.size, height: request.height ?? pipeline.size }
  const largest = maxScale * pipeline.size
  if (Math.max(size.width, size.height) > largest)
    throw new StoryRejected(
      `${size.width}×${size.height} is too large; ${pipeline.name} draws up to ${largest}×${largest}`,
    )
  const latentGrid = { width: size.width / pipeline.factor, height: size.height / pipeline.factor }
  const steps = request.steps ?? defaults.steps
  const schedule = scheduleFor(pipeline.scheduler, request.scheduler, steps)

  yield { type: 'stage', stage: 'encoding_text' }
  const cast = request.characters.length
  const prompts = request.frames.map((_, i) => tokenisePrompt(framePrompt(request, i), pipeline.tokenizer, cast))
  const negative = tokenisePrompt([{ text: request.negative_prompt ?? '' }], pipeline.tokenizer, cast)
  const rows = [...prompts.map(() => negative), ...prompts]
  const context = await pipeline.encodeText(rows.map(({ ids }) => ids))
  const selector = tokenSelector(rows, pipeline.tokenizer.modelMaxLength, Math.max(1, cast))

  yield { type: 'stage', stage: 'sampling' }
  const sharing = new Sharing(prompts, latentGrid, request.consistency.synchronizer ?? 1, seed)
  const perFrame = pipeline.latentChannels * latentGrid.width * latentGrid.height
  const shape = [2 * frames, pipeline.latentChannels, latentGrid.height, latentGrid.width]
  const noise = (stream: number) => {
    const all = new Float32Array(frames * perFrame)
    for (let i = 0; i < frames; i++)
      all.set(gaussian({ seed, story: '', frame: String(i), stream }, perFrame), i * perFrame)
    return all
  }
  const scale = request.guidance_scale ?? defaults.guidance
  const denoise = async (x: Float32Array, timestep: number, step: number) => {
    const both = new Float32Array(2 * x.length)
    both.set(x)
    both.set(x, x.length)
    const input = { sample: { data: both, shape }, timestep, context, selector, sharing: sharing.at(step) }
    const { output, maps } = await pipeline.denoise(input)
    sharing.observe(maps)
    return guide(output.data as Float32Array, scale)
  }
  let latents = new Float32Array()
  for await (const step of sample({ schedule, denoise, noise: noise(0), stepNoise: (i) => noise(i + 1) })) {
    signal.throwIfAborted()
    latents = Float32Array.from(step.x)
    yield { type: 'step', step: step.step, steps: step.steps }
  }

  yield { type: 'stage', stage: 'decoding' }
  for (let index = 0; index < frames; index++) {
    if (skip.has(index)) continue
    signal.throwIfAborted()
    const latent = latents.slice(index * perFrame, (index + 1) * perFrame)
    if (!latent.every(Number.isFinite))
      throw new StoryRejected(`frame ${index} came out as no numbers; try other steps`)
    const rgb = await pipeline.decode(latent, size.height, size.width)
    yield { type: 'frame', frame: { index, rgb, ...size, seed } }
  }
}

/** Mean over each character's tokens as a matrix, [N,T,K]. */
function tokenSelector(rows: readonly TokenisedPrompt[], length: number, characters: number): HostTensor {
  const data = new Float32Array(rows.length * length * characters)
  for (const [row, { tokens }] of rows.entries())
    for (const [character, positions] of tokens.entries())
      for (const position of positions) data[(row * length + position) * characters + character] = 1 / positions.length
  return { data, shape: [rows.length, length, characters] }
}

/** Who attends to whom at each step, from the attention maps of the steps before. */
class Sharing {
  readonly #prompts: readonly TokenisedPrompt[]
  readonly #anchors: readonly boolean[]
  readonly #grid: Grid
  readonly #strength: number
  readonly #seed: number
  readonly #history: Float32Array[] = []

  constructor(prompts: readonly TokenisedPrompt[], grid: Grid, strength: number, seed: number) {
    this.#prompts = prompts
    this.#anchors = chooseAnchors(prompts.map(({ tokens }) => tokens.map((positions) => positions.length > 0)))
    this.#grid = grid
    this.#strength = strength
    this.#seed = seed
  }

  /** Keep the maps [2·frames, pixels, characters] of one step; only the conditional half speaks of characters. */
  observe(maps: HostTensor): void {
    const data = maps.data as Float32Array
    this.#history.push(data.slice(data.length / 2))
    if (this.#history.length > window) this.#history.shift()
  }

  /** The first step has no maps yet: every frame is on its own. */
  at(step: number): { index: HostTensor; length: HostTensor }[] {
    return sharedLevels.map((level) => {
      const grid = {
        width: Math.ceil(this.#grid.width / 2 ** level),
        height: Math.ceil(this.#grid.height / 2 ** level),
      }
      const pixels = grid.width * grid.height
      if (this.#history.length === 0 || this.#strength === 0)
        return gatherIndices(
          this.#prompts.map(() => []),
          pixels,
        )
      const masks = this.#prompts.map((_, frame) => this.#masks(frame, grid))
      const drop = 1 - this.#strength * (1 - fullStrengthDrop)
      return gatherIndices(foreignPixels(masks, this.#anchors, pixels, { drop, seed: this.#seed, step }), pixels)
    })
  }

  #masks(frame: number, grid: Grid): FrameMasks {
    const { tokens } = this.#prompts[frame]!
    const pixels = this.#grid.width * this.#grid.height
    const characters = Math.max(1, tokens.length)
    const maps = tokens.map((positions, character): AttentionMap | null => {
      if (positions.length === 0) return null
      const map = new Float32Array(pixels)
      for (const step of this.#history)
        for (let p = 0; p < pixels; p++) map[p]! += step[(frame * pixels + p) * characters + character]!
      return map
    })
    return characterMasks(maps, this.#grid, grid)
  }
}
