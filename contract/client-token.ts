/** What crosses the wire about client tokens (`/client-tokens`), which pages hold in place of an API key. */
import { z } from 'zod'
import { Origin } from './key.ts'
import { LIMITS } from './story.ts'
import { StoryId } from './story-view.ts'

const DAY_SECONDS = 86_400
const MAX_STORIES = 100
const within = (min: number, max: number) => z.int().min(min, `${min} to ${max}`).max(max, `${min} to ${max}`)

/** The body of `POST /client-tokens`. */
export const NewClientToken = z
  .strictObject({
    expires_in: within(60, DAY_SECONDS).default(3600).describe('Seconds, from a minute to a day'),
    origins: z
      .array(Origin)
      .max(20, 'at most 20 origins')
      .optional()
      .describe(
        'Web sites whose pages may use it, of those of the API key if that has any; when left out, those of the key. `[]` for an app that is no web page',
      ),
    max_stories: within(1, MAX_STORIES).optional().describe('It may create so many stories, and follow these'),
    max_frames: within(1, MAX_STORIES * LIMITS.frames)
      .optional()
      .describe(`Frames in all of these stories; when left out, ${LIMITS.frames} for each`),
    story: StoryId.optional().describe('It may follow this story, and do nothing else'),
  })
  .superRefine(({ max_stories, max_frames, story }, ctx) => {
    if ((max_stories === undefined) === (story === undefined))
      ctx.addIssue({ code: 'custom', path: ['max_stories'], message: 'one of max_stories and story' })
    else if (story !== undefined && max_frames !== undefined)
      ctx.addIssue({ code: 'custom', path: ['max_frames'], message: 'a token that follows a story creates no frames' })
  })
  .meta({ id: 'NewClientToken', example: { expires_in: 900, origins: ['https://app.example'], max_stories: 3 } })

export const ClientToken = z
  .object({
    token: z.string().describe('For `Authorization: Bearer …`; kept nowhere').meta({ example: 'ff_client_eyJpZ…' }),
    expires_at: z.iso.datetime().meta({ example: '2026-11-23T17:00:00.000Z' }),
    origins: z.array(Origin),
    max_stories: z.int().nullable().describe('Null for a token that follows a story'),
    max_frames: z.int().nullable(),
    story: StoryId.nullable().describe('Null for a token that creates stories'),
  })
  .meta({ id: 'ClientToken' })
export type ClientToken = z.infer<typeof ClientToken>
