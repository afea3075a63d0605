/** The story that an app reads back, in answers, events and webhooks. Runners report progress and errors in the same form. */
import { z } from 'zod'
import { ConsistencyReport } from './consistency.ts'
import { FrameMention } from './frame-cast.ts'
import { pageOf } from './page.ts'
import { Metadata } from './story.ts'

export const StoryId = z
  .string()
  .regex(/^[a-z2-7]{26}$/, 'a story id has 26 characters of a-z and 2-7')
  .meta({ example: 'ufawqhfynnddngldkgtslldrkq' })

/** `expired`: not started within its deadline. */
export const StoryStatus = z.enum(['queued', 'running', 'succeeded', 'failed', 'canceled', 'expired'])
export type StoryStatus = z.infer<typeof StoryStatus>
export const isTerminal = (status: StoryStatus) => status !== 'queued' && status !== 'running'

const Stage = z.enum(['loading_model', 'encoding_text', 'sampling', 'decoding'])
export const Progress = z
  .strictObject({
    stage: Stage,
    step: z.int().min(0).describe('Sampling steps done'),
    steps: z.int().min(0).describe('Sampling steps in all; 0 while unknown'),
    fraction: z.number().min(0).max(1).describe('Of the whole story, for a bar'),
    frame: z.int().min(0).optional().describe('The frame being worked on, when it is a single one'),
  })
  .meta({ id: 'Progress' })
export type Progress = z.infer<typeof Progress>

const Time = z.iso.datetime().meta({ example: '2026-11-23T17:00:00.123Z' })

const FrameView = z
  .object({
    index: z.int().min(0).describe('Its place in the story, from 0'),
    status: z.enum(['pending', 'succeeded']).describe('Whether its picture is there'),
    prompt: z.string().describe('As posted'),
    text: z.string().nullable().describe('What books and captions say; null where that is the prompt'),
    url: z
      .url()
      .nullable()
      .describe('Signed, so that it can be embedded: it needs no API key, for as long as the picture is kept'),
    width: z.int().nullable().describe('Pixels; null until it is done'),
    height: z.int().nullable().describe('Pixels; null until it is done'),
    seed: z
      .int()
      .nullable()
      .describe("Of the frame's noise. With it, the prompt and the bank, the same picture can be generated anywhere"),
    revision: z.int().min(0).nullable().describe('How often it has been redrawn; earlier pictures keep their names'),
  })
  .meta({ id: 'FrameView' })

export const StoryError = z.object({
  code: z
    .string()
    .describe(
      'For programs: `invalid_story`, `runner_failed`, `attempts_exhausted`, `never_started`, `run_timeout`, …',
    ),
  message: z.string().describe('For people'),
})
export type StoryError = z.infer<typeof StoryError>

/** `not_started`: the runner reported nothing after its claim. `lost`: it stopped reporting. */
export const AttemptOutcome = z.enum([
  'running',
  'succeeded',
  'failed',
  'canceled',
  'timed_out',
  'released',
  'lost',
  'not_started',
])
export type AttemptOutcome = z.infer<typeof AttemptOutcome>

const Attempt = z.object({
  number: z.int().min(1).nullable().describe('Null when the runner never started, which does not count as an attempt'),
  runner: z.string(),
  claimed_at: Time,
  started_at: Time.nullable(),
  ended_at: Time.nullable().describe('Null while it is running'),
  outcome: AttemptOutcome,
})

export const EtaSeconds = z
  .object({ p50: z.number().min(0), p90: z.number().min(0) })
  .describe(
    'Seconds, estimated from the last stories of the model: half of the stories stay below `p50`, nine of ten below `p90`',
  )
export type EtaSeconds = z.infer<typeof EtaSeconds>

const QueueView = z
  .object({
    stage: z
      .enum(['waiting', 'pausing', 'starting', ...Stage.options])
      .describe(
        '`waiting` for its turn; `pausing` before another attempt; `starting` at a runner, or until the runner itself has been started; then the stage of the runner',
      ),
    position: z
      .int()
      .min(1)
      .nullable()
      .describe('While it waits: 1 is next, if no other key queues stories and none is at its cap. Null otherwise'),
    position_is_exact: z.boolean().describe('False where the queue is too long to count: at least this far back'),
    eta_seconds: EtaSeconds.nullable().describe(
      'Until all pictures are there; null while nothing has been measured, and while no runner is there',
    ),
  })
  .meta({ id: 'QueueView' })

/** A story as every route and every webhook shows it. Fields are always there; null until they are known. */
export const Story = z
  .object({
    id: StoryId,
    status: StoryStatus.describe('All but `queued` and `running` are ends'),
    version: z.int().min(1).describe('Grows with every change'),
    title: z.string().nullable().describe('As posted'),
    model: z.string().describe('The model that generates it'),
    seed: z.int().describe('As posted, or drawn when it was accepted'),
    frames: z.array(FrameView).describe('All of them, in their order; `url` is null until one is done'),
    bank: z
      .object({
        id: StoryId.describe('Names it in `bank` of another story'),
        url: z.url().describe('The file; signed'),
        sha256: z.string(),
        bytes: z.int(),
        characters: z.array(z.string()).describe('Ids of the characters that it keeps'),
      })
      .nullable()
      .describe('What more frames, here or in another story, need to keep the characters; null until it exists'),
    consistency: ConsistencyReport.extend({
      overlay_url: z
        .url()
        .nullable()
        .describe('A page of all frames with every character outlined, and scores; signed'),
    })
      .nullable()
      .describe('How consistent the story is, as measured by its runner; null until then'),
    progress: Progress.nullable().describe('Null before a runner has reported'),
    queue: QueueView.nullable().describe(
      'Place in the queue and remaining time, where a single story is read or followed. Null in lists, webhooks and answers to POST, and once it has ended',
    ),
    error: StoryError.nullable().describe('Why it failed; null unless it did'),
    attempts: z.array(Attempt).describe('The claims of runners, oldest first; at most the last 20'),
    dead_letter: z.boolean().describe('It used up its attempts because machines failed; it can be resumed'),
    cancel_requested: z.boolean().describe('It was asked to stop'),
    metadata: Metadata,
    webhook: z.string().nullable().describe('As posted'),
    created_at: Time.describe('When it was accepted'),
    started_at: Time.nullable().describe('When a runner began; null before that'),
    completed_at: Time.nullable().describe('When it ended; null before that'),
    expires_at: Time.nullable().describe('When texts and pictures are removed; null before the end, and for never'),
    data_removed: z
      .boolean()
      .describe('Texts and pictures were removed, because retention was over or the story was deleted'),
    urls: z.object({
      self: z.url().describe('The story'),
      cancel: z.url().describe('To post to, to stop it'),
      resume: z.url().describe('To post to, to queue it again'),
      frames: z.url().describe('To post more frames to'),
      events: z.url().describe('Server-sent events; signed, so it needs no API key'),
      embed: z.url().describe('A page for iframes, and to be shared; signed, so it needs no API key'),
      storyboard: z.url().nullable().describe('A page of all frames with their captions; null until it exists'),
      storyboard_webp: z.url().nullable().describe('The same page as WebP, of a tenth of the bytes'),
      book_pdf: z.url().nullable().describe('A square picture book to print; null until it exists'),
      book_epub: z.url().nullable().describe('The same book for e-readers; null until it has ended with all frames'),
      zip: z.url().nullable().describe('All pictures with `story.json`; null until it has ended with a frame'),
    }),
  })
  .meta({ id: 'Story' })
export type Story = z.infer<typeof Story>

/** The answer to `POST /stories`. */
export const AcceptedStory = Story.extend({
  mentions: z.array(FrameMention).describe('Who was found in which frame'),
  warnings: z.array(z.string()).optional().describe('What was accepted but is probably not what was meant'),
}).meta({ id: 'AcceptedStory' })
export type AcceptedStory = z.infer<typeof AcceptedStory>

export const StoryList = pageOf(Story).meta({ id: 'StoryList' })

export type StoryList = z.infer<typeof StoryList>

/** The body of each webhook that the edge sends to an app; signed per Standard Webhooks. */
export const StoryWebhook = z
  .object({
    type: z.enum([
      'story.started',
      'story.progress',
      'story.frame.completed',
      'story.completed',
      'story.failed',
      'story.canceled',
      'story.expired',
    ]),
    timestamp: Time,
    sequence: z.int().min(1).describe('Counts the messages of one story; they are sent in this order'),
    data: Story,
  })
  .meta({ id: 'StoryWebhook' })
export type StoryWebhook = z.infer<typeof StoryWebhook>
