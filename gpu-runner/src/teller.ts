/** Joins the sampler to what wants pictures: frames become PNG files, and all of a story's frames become a page. */
import sharp from 'sharp'
import type { StoryRequest } from '../../contract/story.ts'
import { BadStory, type Teller, type Told } from './queue/attempt.ts'
import { type StoryFrameResult, StoryRejected, type TellOptions } from './story/types.ts'
import type { Sampler } from './worker/thread.ts'

export function openTeller(sampler: Sampler): Teller & Pick<Sampler, 'open'> {
  return { open: () => sampler.open(), tell: (request, options) => tell(sampler, request, options), storyboard: pageOf }
}

async function* tell(sampler: Sampler, request: StoryRequest, options: TellOptions): AsyncGenerator<Told> {
  try {
    for await (const event of sampler.tell(request, options)) {
      if (event.type !== 'frame') yield event
      else {
        const { index, seed } = event.frame
        const png = await pngOf(event.frame)
        yield { type: 'frame', index, png, seed }
      }
    }
  } catch (error) {
    throw error instanceof StoryRejected ? new BadStory(error.message) : error
  }
}

export async function pngOf({ rgb, width, height }: StoryFrameResult): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await sharp(rgb, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  )
}

export async function pageOf(_request: StoryRequest, pngs: Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await sharp(
      pngs.map((png) => Buffer.from(png)),
      { join: { across: 2, shim: 8 } },
    )
      .png()
      .toBuffer(),
  )
}
