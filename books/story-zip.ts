/** Everything of a story in one archive: its pictures, its captions, and `story.json` with what they were made from. */
import type { StoryRequest } from '../contract/story.ts'
import { bookOf } from './book.ts'
import type { BookPicture } from './epub-pages.ts'
import { textFile, type ZipFile, zipped } from './zip.ts'

export interface ArchivedStory {
  readonly id: string
  readonly model: string
  readonly seed: number
  /** When it ended. */
  readonly completedAt: Date
  readonly request: StoryRequest
  /** Those that are there, in order. */
  readonly frames: readonly (BookPicture & { readonly index: number; readonly seed: number })[]
  /** The PNG of the storyboard. */
  readonly readStoryboard?: (() => Promise<Uint8Array>) | undefined
}

/** The archive, piece by piece; at most one picture is in memory. */
export function storyZip(story: ArchivedStory): AsyncGenerator<Uint8Array> {
  return zipped(filesOf(story), story.completedAt)
}

async function* filesOf(story: ArchivedStory): AsyncGenerator<ZipFile> {
  const { request, frames, readStoryboard } = story
  const { pages } = bookOf(request)
  yield textFile('story.json', `${JSON.stringify(describe(story), null, 2)}\n`)
  yield textFile('captions.txt', pages.map(({ text }, i) => `${i + 1}\n${text}\n`).join('\n'))
  for (const frame of frames) yield { name: nameOf(frame), bytes: await frame.read() }
  if (readStoryboard) yield { name: 'storyboard.png', bytes: await readStoryboard() }
}

function describe({ id, model, seed, completedAt, request, frames }: ArchivedStory) {
  const { title, style, characters, negative_prompt, steps, guidance_scale, scheduler, metadata } = request
  return {
    ...{ id, title, model, seed, completed_at: completedAt.toISOString() },
    ...{ style, negative_prompt, steps, guidance_scale, scheduler, metadata },
    characters: characters.map(({ id, name, description }) => ({ id, name, description })),
    frames: request.frames.map(({ prompt, text = null, characters = null }, index) => {
      const frame = frames.find((one) => one.index === index)
      const { width = null, height = null, seed = null } = frame ?? {}
      return { index, file: frame ? nameOf(frame) : null, prompt, text, characters, width, height, seed }
    }),
  }
}

/** Numbered as people count, so that the files sort as they are told. */
const nameOf = ({ index }: { index: number }) => `frames/${String(index + 1).padStart(2, '0')}.png`
