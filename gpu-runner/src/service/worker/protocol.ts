/** The messages between the runner's main thread and the thread that samples. One story at a time. */
import type { StoryRequest } from '../../../../contract/story.ts'
import type { OpenStoryOptions, StoryEvent } from '../../story/types.ts'

/** What the thread is started with. `module` is the file URL of a `StoryModelModule`. */
export interface SamplerSettings extends OpenStoryOptions {
  module: string
}

/** `run` numbers the stories told by one thread, so that words about an abandoned one are recognised as such. */
export type SamplerCommand =
  | {
      type: 'tell'
      run: number
      request: StoryRequest
      seed: number
      skip: number[]
      finished: Readonly<Record<number, Uint8Array>>
      pictures: Readonly<Record<string, Uint8Array>>
      bank: Uint8Array | undefined
    }
  | { type: 'abort'; run: number }
  | { type: 'close' }

export type SamplerReport =
  | { type: 'ready'; model: { name: string; defaultSize: { width: number; height: number } } }
  | { type: 'event'; run: number; event: StoryEvent }
  | { type: 'done'; run: number }
  /** `rejected`: the story is at fault, and would be on every other try. */
  | { type: 'failed'; run: number; rejected: boolean; message: string }
