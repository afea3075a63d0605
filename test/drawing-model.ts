/**
 * A `StoryModel` that draws rather than samples, for tests of everything around the model: sharp paints every frame in
 * the colour of its prompt and of the bytes of its pictures, over steps that block the thread as a session's `run()` does.
 *
 * The model folder is a real folder, and what it holds decides what goes wrong: `drawing.json` may set `name`,
 * `stepMs` and `steps`, and a file named `crash`, `fail` or `overflow` makes the next story do so once its first frame is out
 * (the file is removed first, so the story after it goes well). With one named `broken` every story finds broken weights.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { ModelAbilities } from '../contract/model.ts'
import { BrokenWeights, NotFiniteError } from '../gpu-runner/src/engine/runtime/finite.ts'
import { type GenerateOptions, type StoryEvent, type StoryModel, StoryRejected } from '../gpu-runner/src/story/types.ts'
import { smallBank } from './bank.ts'

interface Drawing {
  name: string
  stepMs: number
  steps: number
}

export const drawingAbilities: ModelAbilities = {
  size: { width: 64, height: 64 },
  largest_side: 1024,
  side_multiple: 8,
  schedulers: ['ddim', 'euler'],
  clip_skip: 12,
  references: true,
  sharing: true,
  scores: true,
  layout: 'free',
  prompt_tokens: 75,
  vocabulary: null,
}

const usual: Drawing = { name: 'story-mini', stepMs: 5, steps: 4 }

export async function openStoryModel({ folder }: { folder: string }): Promise<StoryModel> {
  const settings: Drawing = { ...usual, ...JSON.parse(await readFile(join(folder, 'drawing.json'), 'utf8')) }
  return {
    name: settings.name,
    abilities: drawingAbilities,
    generate: (request, options) => draw(request, options, settings, folder),
    close: async () => {},
  }
}

async function* draw(
  request: Parameters<StoryModel['generate']>[0],
  { seed, signal, skip = new Set(), pictures = {}, bank }: GenerateOptions,
  { name, stepMs, steps: usualSteps }: Drawing,
  folder: string,
): AsyncGenerator<StoryEvent> {
  for (const field of ['scheduler', 'style'] as const)
    if (request[field] === 'unheard-of') throw new StoryRejected(`${field}: 'unheard-of' is not one of drawing`)
  const seen = Object.values(pictures)
    .map((bytes) => ` ${createHash('sha256').update(bytes).digest('hex')}`)
    .join('')
  const steps = request.steps ?? usualSteps
  const width = request.width ?? 64
  const height = request.height ?? 64
  yield { type: 'stage', stage: 'sampling' }
  for (let step = 1; step <= steps; step++) {
    if (signal.aborted) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stepMs)
    yield { type: 'step', step, steps }
  }
  const kept = bank ?? (request.characters.length > 0 ? smallBank(request.characters, name) : undefined)
  if (kept) yield { type: 'bank', bytes: new Uint8Array(kept) }
  yield { type: 'stage', stage: 'decoding' }
  for (const [index, { prompt }] of request.frames.entries()) {
    if (skip.has(index)) continue
    if (signal.aborted) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stepMs)
    const words = `${seed} ${prompt}${seen}`
    yield { type: 'frame', frame: { index, rgb: await paint(words, width, height), width, height, seed } }
    if (await once(join(folder, 'crash'))) process.exit(70)
    if (await once(join(folder, 'fail'))) throw new Error('the device was lost')
    if (existsSync(join(folder, 'broken')))
      throw new BrokenWeights({ part: 'unet' }, 'conv_in', folder, 'is not finite')
    if (await once(join(folder, 'overflow'))) throw new NotFiniteError({ part: 'unet' }, `one output in ${folder}`)
  }
}

/** A plain picture whose colour follows from `words`. */
export async function paint(words: string, width: number, height: number): Promise<Uint8Array> {
  const [r, g, b] = createHash('sha256').update(words).digest()
  return sharp({ create: { width, height, channels: 3, background: { r: r!, g: g!, b: b! } } })
    .raw()
    .toBuffer()
}

async function once(file: string): Promise<boolean> {
  if (!existsSync(file)) return false
  await rm(file)
  return true
}
