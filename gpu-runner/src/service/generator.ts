/** From the sampler to files: frames become PNG files, and all of a story's frames become a page. */
import sharp from 'sharp'
import { MAX_IMAGE_BYTES } from '../../../contract/runner.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { encodePng, readImage } from '../engine/io/png.ts'
import { storyboard } from '../story/page/storyboard.ts'
import { StoryRejected } from '../story/types.ts'
import { gather } from './inputs.ts'
import { BadStory, BrokenMachine, type GeneratorEvent, NotFinite, type StoryGenerator } from './queue/attempt.ts'
import { type Sampler, SamplerFailed } from './worker/thread.ts'

type StoryGeneratorOptions = Parameters<StoryGenerator['generate']>[1]

export function openGenerator(sampler: Sampler): StoryGenerator & Pick<Sampler, 'open'> {
  return {
    open: () => sampler.open(),
    generate: (request, options) => generate(sampler, request, options),
    storyboard: pageOf,
  }
}

async function* generate(
  sampler: Sampler,
  request: StoryRequest,
  { readStored, ...options }: StoryGeneratorOptions,
): AsyncGenerator<GeneratorEvent> {
  const pictures = await gather(request, { signal: options.signal, readStored })
  const bank = request.bank === null ? undefined : pictures[request.bank]
  try {
    for await (const event of sampler.generate(request, { ...options, pictures, bank })) {
      if (event.type === 'report') yield { ...event, sheet: await withinBytes(event.sheet) }
      // The edge has said them when it accepted the story.
      else if (event.type === 'warnings') continue
      else if (event.type !== 'frame') yield event
      else {
        const { index, seed } = event.frame
        const png = new Uint8Array(await encodePng(event.frame))
        yield { type: 'frame', index, png, seed }
      }
    }
  } catch (error) {
    throw translated(error)
  }
}

/** The sampler's errors as the queue knows them. */
function translated(error: unknown): unknown {
  if (error instanceof StoryRejected) return new BadStory(error.message)
  if (!(error instanceof SamplerFailed) || error.fault === 'failed') return error
  return new (error.fault === 'broken' ? BrokenMachine : NotFinite)(error.message, { cause: error })
}

/** The page of a whole story; `pngs` are its frames, in order. */
export async function pageOf(story: StoryRequest, pngs: Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const pictures = await Promise.all(pngs.map((png) => readImage(png)))
  const frames = pictures.map((picture, i) => ({ ...picture, caption: story.frames[i]?.prompt ?? '' }))
  return withinBytes(await storyboard(frames, { title: story.title ?? '', cast: story.characters }))
}

/** A page smaller where the edge would refuse its bytes. */
async function withinBytes(page: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  while (page.length > MAX_IMAGE_BYTES) {
    const { width } = await sharp(page).metadata()
    page = await sharp(page)
      .resize({ width: Math.floor(width * 0.75) })
      .png()
      .toBuffer()
  }
  return new Uint8Array(page)
}
