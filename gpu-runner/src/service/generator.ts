/** From the sampler to files: frames become PNG files, and all of a story's frames become a page and a book. */
import type { StoryRequest } from '../../../contract/story.ts'
import { encodePng } from '../engine/io/png.ts'
import { StoryRejected } from '../story/types.ts'
import { gather } from './inputs.ts'
import { pagesOf, withinBytes } from './pages.ts'
import { BadStory, BrokenMachine, type GeneratorEvent, NotFinite, type StoryGenerator } from './queue/attempt.ts'
import { type Sampler, SamplerFailed } from './worker/thread.ts'

type StoryGeneratorOptions = Parameters<StoryGenerator['generate']>[1]

export function openGenerator(sampler: Sampler): StoryGenerator & Pick<Sampler, 'open'> {
  return {
    open: () => sampler.open(),
    generate: (request, options) => generate(sampler, request, options),
    pages: pagesOf,
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
