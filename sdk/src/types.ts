/**
 * What crosses the wire, as `contract/` defines it. The build writes `types.d.ts` of the package from the same schemas, in
 * plain TypeScript (`build/types.ts`), so that nobody who installs it needs Zod.
 */
import type { z } from 'zod'
import type {
  DryRun as DryRunSchema,
  MoreFrames as MoreFramesSchema,
  PostedStory,
  Redraw,
  SavedCharacter,
} from '../../contract/character.ts'
import type { ClientToken, NewClientToken } from '../../contract/client-token.ts'
import type { Problem, ProblemName } from '../../contract/problem.ts'
import type { StoryRequest } from '../../contract/story.ts'
import type { AcceptedStory, Story, StoryStatus, StoryWebhook } from '../../contract/story-view.ts'

export type { AcceptedStory, ClientToken, Problem, ProblemName, Story, StoryRequest, StoryStatus, StoryWebhook }
/** A story to be generated. */
export type StoryParams = z.input<typeof PostedStory>
/** Frames that continue a story. */
export type MoreFrames = z.input<typeof MoreFramesSchema>
/** What is to change of a frame. */
export type RedrawParams = z.input<typeof Redraw>
/** What a page may do that has the token. */
export type ClientTokenParams = z.input<typeof NewClientToken>
/** One picture of a story, with its prompt. */
export type Frame = Story['frames'][number]
export type DryRun = z.output<typeof DryRunSchema>
export type Character = z.output<typeof SavedCharacter>
