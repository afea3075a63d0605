/** The real story model: samples a story, checks how consistent its frames are, and hands them over as they are done. */

import type { StoryRequest } from '../../../contract/story.ts'
import { openPipeline, type Pipeline } from '../engine/pipeline/open.ts'
import { encodeBank } from './bank/bank.ts'
import { type RedrawOptions, redraw } from './check/redraw.ts'
import { SelfCheck } from './check/self-check.ts'
import { abilitiesOf } from './model-facts.ts'
import { type SampledStory, type SampleOptions, sampledStory } from './sampled.ts'
import type { GenerateOptions, OpenStoryOptions, StoryEvent, StoryFrameResult, StoryModel } from './types.ts'

export async function openStoryModel({ folder, ...options }: OpenStoryOptions): Promise<StoryModel> {
  return storyModel(await openPipeline(folder, options))
}

export interface StoryModelOptions extends SampleOptions {
  /** Whether to check the frames: no report without. */
  readonly check?: boolean
}

export function storyModel(pipeline: Pipeline, options: StoryModelOptions = {}): StoryModel {
  return {
    name: pipeline.name,
    abilities: abilitiesOf(pipeline),
    generate: (request, generateOptions) => generate(pipeline, options, request, generateOptions),
    close: () => pipeline.release(),
  }
}

/** A story that begins and does not come to its end, cancelled or failed, frees all memory that it took. */
async function* generate(
  pipeline: Pipeline,
  model: StoryModelOptions,
  request: StoryRequest,
  options: GenerateOptions,
): AsyncGenerator<StoryEvent> {
  let unfinished = false
  try {
    for await (const event of finishedFrames(pipeline, model, request, options)) {
      unfinished = true
      yield event
    }
    unfinished = false
  } finally {
    if (unfinished) await pipeline.release()
  }
}

/** Frames are handed over as they are decoded, unless they have to be checked first; the report goes before the last. */
async function* finishedFrames(
  pipeline: Pipeline,
  model: StoryModelOptions,
  request: StoryRequest,
  options: GenerateOptions,
): AsyncGenerator<StoryEvent> {
  const { skip = new Set(), finished = {}, signal } = options
  const all = request.frames.map((_, frame) => frame)
  const missing = all.filter((frame) => !skip.has(frame))
  if (missing.length === 0) return
  const minScore = request.consistency.min_score
  // Which pictures are kept depends on all of them: without the others, a story that was cut short would go on otherwise.
  const toSample = minScore === undefined || options.bank ? missing : all
  const sampled = yield* sampledStory(pipeline, model, request, options, toSample)
  if (sampled.bank) yield { type: 'bank', bytes: encodeBank(sampled.bank) }

  yield { type: 'stage', stage: 'decoding' }
  const check = model.check === false ? null : new SelfCheck(pipeline, sampled)
  if (check) await seeOthers(check, sampled, { frames: all.filter((frame) => !toSample.includes(frame)), finished })
  const held = new Map<number, StoryFrameResult>()
  for (const index of toSample) {
    signal.throwIfAborted()
    const frame = await sampled.frame(index)
    await check?.see(index, frame, sampled.masks(index))
    if (check && (minScore !== undefined || index === toSample.at(-1))) held.set(index, frame)
    else yield { type: 'frame', frame }
  }
  if (!check) return
  if (minScore !== undefined) {
    const sample = (...[again, own, frames]: Parameters<RedrawOptions['sample']>) =>
      sampledStory(pipeline, { ...model, onMasks: undefined, quiet: true }, again, own, frames)
    yield* redraw(held, { request, options, sampled, check, minScore, sample })
  }
  signal.throwIfAborted()
  yield { type: 'report', ...(await check.report(minScore)) }
  for (const [index, frame] of held) if (missing.includes(index)) yield { type: 'frame', frame }
}

/** What the frames are compared with besides each other: anchors, and frames that an earlier attempt finished. */
async function seeOthers(
  check: SelfCheck,
  sampled: SampledStory,
  { frames, finished }: { frames: readonly number[]; finished: NonNullable<GenerateOptions['finished']> },
): Promise<void> {
  for (const { picture, masks } of await sampled.anchorPictures()) await check.seeAnchor(picture, masks)
  for (const index of frames) {
    const png = finished[index]
    const seen = png && (await sampled.finishedFrame(index, png))
    if (seen) await check.see(index, seen.picture, seen.masks)
  }
}
