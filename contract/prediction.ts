/**
 * Replicate's HTTP API, as its clients read it (replicate 1.4.0 `index.d.ts`, replicate-stainless 0.9.0): the same stories
 * under other names. A prediction is a story; its `output` are the URLs of the frames that are done, in their order.
 */
import { z } from 'zod'
import { PostedStory } from './character.ts'
import { pageOf } from './page.ts'
import { type ModelSize, parseSize, sizeOfRatio } from './picture-size.ts'
import { faultsOf } from './problem.ts'
import { FrameRequest, LIMITS } from './story.ts'
import { StoryId } from './story-view.ts'

export const PredictionStatus = z
  .enum(['starting', 'processing', 'succeeded', 'failed', 'canceled', 'aborted'])
  .describe('`aborted` is shown only to clients that send "Prefer: aborted"; others get `canceled`')
export type PredictionStatus = z.infer<typeof PredictionStatus>

/** What a webhook subscription can ask for; `completed` is every terminal status. */
export const PredictionEvent = z.enum(['start', 'output', 'logs', 'completed'])
export type PredictionEvent = z.infer<typeof PredictionEvent>

const Input = z.record(z.string(), z.unknown()).meta({
  example: {
    characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' }],
    frames: ['Fern waves in the forest', 'Fern reads a book in the bedroom at night'],
  },
})

/** The body of `POST /v1/predictions`. Fields that are not ours are dropped, because foreign clients send more. */
export const PredictionRequest = z
  .object({
    version: z
      .string({ error: (issue) => (issue.input === undefined ? 'required' : undefined) })
      .max(300)
      .describe('64 hex digits, `owner/name` or `owner/name:version`')
      .meta({ example: 'fableframe/story-mini' }),
    input: Input.describe('See the Input schema in `openapi_schema` of the version'),
    webhook: PostedStory.shape.webhook,
    webhook_events_filter: z
      .array(PredictionEvent)
      .min(1)
      .default(['output', 'completed'])
      .describe('`output` and `logs` come at most every 500 ms; `start` and `completed` always'),
    stream: z.boolean().optional().describe('Has no effect: `urls.stream` is always there'),
  })
  .meta({ id: 'PredictionRequest' })
export type PredictionRequest = z.infer<typeof PredictionRequest>

/** `POST /v1/models/{owner}/{name}/predictions`: the path names the model. */
export const ModelPredictionRequest = PredictionRequest.omit({ version: true }).meta({ id: 'ModelPredictionRequest' })

/** ISO 8601 in UTC with microseconds, as Replicate writes times; our clock has milliseconds, so the last digits are 0. */
const Time = z.iso.datetime().meta({ example: '2026-11-23T17:00:00.123000Z' })

export const Prediction = z
  .object({
    id: StoryId,
    model: z.string().meta({ example: 'fableframe/story-mini' }),
    version: z.string(),
    status: PredictionStatus,
    input: Input.describe('As it was posted'),
    output: z
      .array(z.url())
      .nullable()
      .describe('Pictures that are done, by index of their frame; links need no API key'),
    logs: z.string().describe('One line a finished frame, and the progress as a line of tqdm'),
    error: z.string().nullable(),
    metrics: z.looseObject({
      predict_time: z.number().optional().describe('Seconds from the start to the end'),
      total_time: z.number().optional().describe('Seconds from the request to the end'),
      image_count: z.int().optional(),
    }),
    data_removed: z.boolean(),
    source: z.enum(['api', 'web']),
    webhook: z.string().nullable(),
    webhook_events_filter: z.array(PredictionEvent).optional(),
    created_at: Time,
    started_at: Time.nullable(),
    completed_at: Time.nullable(),
    urls: z.object({
      get: z.url(),
      cancel: z.url(),
      stream: z.url().describe('Server-sent events; a link that needs no API key'),
      web: z.url(),
    }),
  })
  .meta({ id: 'Prediction' })
export type Prediction = z.infer<typeof Prediction>

export const PredictionList = pageOf(Prediction).extend({ previous: z.null() }).meta({ id: 'PredictionList' })

const { model: _model, webhook: _webhook, webhook_events_filter: _events, frames, ...story } = PostedStory.shape

/** What `input` may hold, for the document: `storyOf` validates it. */
export const PredictionInput = z.object({
  prompt: FrameRequest.shape.prompt.optional().describe('Of the only frame; or give `frames`'),
  frames: z
    .array(z.union([FrameRequest.shape.prompt, FrameRequest]))
    .min(1)
    .max(LIMITS.frames)
    .optional()
    .describe('A prompt each, or an object with prompt and characters'),
  ...story,
  num_outputs: z
    .int()
    .min(1, `1 to ${LIMITS.frames}`)
    .max(LIMITS.frames, `1 to ${LIMITS.frames}`)
    .optional()
    .describe('Pictures of `prompt`; without it no effect'),
  size: z
    .string()
    .refine((size) => parseSize(size), 'pixels such as 512x512')
    .optional()
    .describe('Width and height in one'),
  aspect_ratio: z
    .string()
    .optional()
    .describe('Such as `16:9`: a size of about as many pixels as the usual one of the model'),
  story: z
    .object({ frames, ...story })
    .optional()
    .describe('A whole story as in POST /stories; then there is nothing else in the input'),
})

type Fault = { path: PropertyKey[]; message: string }

/** What other models on Replicate call their size and number of pictures; the AI SDK's client sends it. */
const Shape = PredictionInput.pick({ num_outputs: true, size: true, aspect_ratio: true })

/**
 * The story that an input describes, or what is wrong with it; paths begin at the input.
 *
 * @param model the sizes that it draws; undefined while no runner has announced it.
 */
export function storyOf(
  input: Record<string, unknown>,
  model?: ModelSize,
): { story: PostedStory } | { faults: Fault[] } {
  const { num_outputs, size, aspect_ratio, ...own } = input
  const shape = Shape.safeParse({ num_outputs, size, aspect_ratio })
  if (!shape.success) return { faults: faultsOf(shape.error) }
  const sized = sizeOf(shape.data, own, model)
  return 'faults' in sized ? sized : ownStoryOf({ ...own, ...sized }, shape.data.num_outputs ?? 1)
}

/** Width and height, or neither where the input has none of `size` and `aspect_ratio`. */
function sizeOf(
  { size, aspect_ratio: ratio }: z.infer<typeof Shape>,
  own: Record<string, unknown>,
  model: ModelSize | undefined,
): { width?: number; height?: number } | { faults: Fault[] } {
  const field = size === undefined ? 'aspect_ratio' : 'size'
  const fault = (message: string) => ({ faults: [{ path: [field], message }] })
  if (size === undefined && ratio === undefined) return {}
  if (own.story !== undefined) return fault('not together with story; give width and height in it')
  if (own.width !== undefined || own.height !== undefined) return fault('not together with width and height')
  if (size !== undefined) return ratio === undefined ? (parseSize(size) ?? {}) : fault('not together with aspect_ratio')
  if (!model)
    return fault('the sizes of the model are not known yet, since no runner has announced it; give width and height')
  return sizeOfRatio(ratio ?? '', model) ?? fault('two numbers such as 16:9, of which neither is 8 times the other')
}

function ownStoryOf(input: Record<string, unknown>, count: number): { story: PostedStory } | { faults: Fault[] } {
  const { story, prompt, ...flat } = input
  if (story !== undefined) {
    const others = Object.keys(input).filter((key) => key !== 'story')
    if (others.length > 0) return { faults: others.map((key) => ({ path: [key], message: 'belongs into story' })) }
    return validated(story, ['story'])
  }
  if (prompt === undefined) {
    const frames = Array.isArray(flat.frames)
      ? flat.frames.map((one) => (isText(one) ? { prompt: one } : one))
      : flat.frames
    const result = validated({ ...flat, frames }, [])
    return frames === undefined && 'faults' in result ? { faults: [{ path: ['prompt'], message: NO_PROMPT }] } : result
  }
  if (flat.frames !== undefined) return { faults: [{ path: ['prompt'], message: 'give prompt or frames, not both' }] }
  const result = validated({ ...flat, frames: Array.from({ length: count }, () => ({ prompt })) }, [])
  // The only frame is the input itself.
  const own = ({ path, message }: Fault) => ({ path: path[0] === 'frames' ? path.slice(2) : path, message })
  return 'faults' in result ? { faults: result.faults.map(own) } : result
}

const NO_PROMPT = 'required; or frames, or a whole story'
const isText = (value: unknown) => typeof value === 'string'

/** Settings of the request that belong next to `input`, not into it. */
const NOT_INPUT = ['webhook', 'webhook_events_filter', 'model']

function validated(value: unknown, path: PropertyKey[]): { story: PostedStory } | { faults: Fault[] } {
  const misplaced = typeof value === 'object' && value !== null ? NOT_INPUT.filter((key) => key in value) : []
  if (misplaced.length > 0)
    return { faults: misplaced.map((key) => ({ path: [...path, key], message: 'belongs beside input, not into it' })) }
  const parsed = PostedStory.safeParse(value)
  if (parsed.success) return { story: parsed.data }
  return { faults: faultsOf(parsed.error).map(({ path: inner, message }) => ({ path: [...path, ...inner], message })) }
}
