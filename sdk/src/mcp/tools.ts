/** The tools of the MCP server. */
import type { Fableframe } from '../client.ts'
import { ApiError, FableframeError, StoryEndedError } from '../errors.ts'
import { isEnded } from '../follow.ts'
import type { RedrawParams, Story, StoryParams } from '../types.ts'

export interface ToolContext {
  signal: AbortSignal
  /** @param progress from 0 to 1; grows with each call. */
  report(progress: number, message: string): void
}

/** Clients give a call up after a minute, unless it is told what they may wait for. */
const WAIT_S = { usual: 50, most: 600 }

const string = (description: string) => ({ type: 'string', description })
const integer = (description: string) => ({ type: 'integer', minimum: 0, description })
const wait = {
  type: 'number',
  ...{ minimum: 0, maximum: WAIT_S.most, default: WAIT_S.usual },
  description: 'Seconds to wait for the pictures. What is finished then is answered; get_story waits for the rest',
}
const storyId = string('The id of the story')

export const TOOLS = [
  {
    name: 'create_story',
    title: 'Create a story',
    description:
      'Generates one picture for each frame, with characters that look the same in all of them. Describe a character once, and call it by its name in the prompts. Answers the pictures, or the id of the story if it takes longer than `wait`.',
    inputSchema: {
      type: 'object',
      required: ['frames'],
      additionalProperties: false,
      properties: {
        frames: {
          type: 'array',
          ...{ minItems: 1, maxItems: 12 },
          items: {
            type: 'object',
            required: ['prompt'],
            additionalProperties: false,
            properties: {
              prompt: string('What the picture shows'),
              text: string('What the book says below it'),
              seed: integer('For the same picture again'),
            },
          },
        },
        characters: {
          type: 'array',
          maxItems: 4,
          items: {
            type: 'object',
            required: ['id', 'name', 'description'],
            additionalProperties: false,
            properties: {
              id: string('Letters and digits, such as fox'),
              name: string('How the prompts call it'),
              description: string('What it looks like: species, colours, clothes'),
            },
          },
        },
        title: string('Of the story'),
        style: string('Goes before every prompt, such as "watercolour"'),
        seed: integer('For the same story again'),
        wait,
      },
    },
  },
  {
    name: 'get_story',
    title: 'Get a story',
    description: 'Answers how a story stands, with the pictures that are finished.',
    inputSchema: {
      type: 'object',
      required: ['story_id'],
      additionalProperties: false,
      properties: { story_id: storyId, wait },
    },
    annotations: { readOnlyHint: true },
  },
  {
    name: 'redraw_frame',
    title: 'Redraw a frame',
    description:
      'Generates one frame of a finished story again, with the same characters. Without a prompt and a seed, the same prompt is drawn with another seed.',
    inputSchema: {
      type: 'object',
      required: ['story_id', 'frame'],
      additionalProperties: false,
      properties: {
        story_id: storyId,
        frame: integer('Which; the first is 0'),
        prompt: string('What the picture shall show instead'),
        seed: integer('For the same picture again'),
        wait,
      },
    },
  },
]

type Content = { type: 'text'; text: string } | { type: 'image'; data: string; mimeType: string }
interface ToolResult {
  content: Content[]
  isError?: true
}

/** What a caller can put right is answered, so that a model reads it. */
export async function callTool(
  client: Fableframe,
  name: string,
  given: Record<string, unknown>,
  context: ToolContext,
): Promise<ToolResult> {
  try {
    const { wait: seconds = WAIT_S.usual, story_id, frame, ...rest } = given
    if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= WAIT_S.most))
      throw new FableframeError(`wait: 0 to ${WAIT_S.most} seconds`)
    if (name === 'create_story') {
      const { id, warnings = [] } = await client.stories.create(rest as StoryParams, { signal: context.signal })
      const content = await contentOf(client, await waited(client, id, seconds, context))
      return { content: [...content, ...warnings.map((warning) => text(`Warning: ${warning}`))] }
    }
    if (typeof story_id !== 'string') throw new FableframeError('story_id: the id of a story')
    if (name === 'get_story')
      return { content: await contentOf(client, await waited(client, story_id, seconds, context)) }
    if (!Number.isInteger(frame)) throw new FableframeError('frame: a whole number; the first is 0')
    await client.frames.redraw(story_id, frame as number, rest as RedrawParams, { signal: context.signal })
    const story = await waited(client, story_id, seconds, context)
    return { content: await contentOf(client, story, frame as number) }
  } catch (error) {
    if (!(error instanceof FableframeError)) throw error
    return { content: [text(wordsOf(error))], isError: true }
  }
}

/** The story once it has ended, or as it is after `seconds`. Throws when it ended without all of its pictures. */
async function waited(
  client: Fableframe,
  id: string,
  seconds: number,
  { signal, report }: ToolContext,
): Promise<Story> {
  let last = await client.stories.get(id, { signal })
  if (!isEnded(last.status) && seconds > 0) {
    const late = AbortSignal.timeout(seconds * 1000)
    let reported = -1
    const onProgress = (story: Story) => {
      last = story
      const fraction = story.progress?.fraction ?? 0
      if (fraction > reported) report((reported = fraction), story.queue?.stage ?? story.status)
    }
    await client.stories.wait(id, { signal: AbortSignal.any([signal, late]), onProgress }).catch((error) => {
      if (!late.aborted && !(error instanceof StoryEndedError)) throw error
    })
  }
  signal.throwIfAborted()
  const hasPictures = last.frames.some(({ url }) => url !== null)
  if (isEnded(last.status) && last.status !== 'succeeded' && !hasPictures) throw new StoryEndedError(last)
  return last
}

/** @param only one of the frames; all when left out. */
async function contentOf(client: Fableframe, story: Story, only?: number): Promise<Content[]> {
  const frames = story.frames.filter(({ index }) => only === undefined || index === only)
  const pictures = await Promise.all(
    frames.map(async (frame): Promise<Content[]> => {
      if (frame.url === null) return [text(`Frame ${frame.index}: ${frame.prompt}\n(not drawn yet)`)]
      const bytes = new Uint8Array(await (await client.frames.download(frame)).arrayBuffer())
      return [
        text(`Frame ${frame.index}: ${frame.prompt}\n${frame.url}`),
        { type: 'image', data: base64(bytes), mimeType: 'image/png' },
      ]
    }),
  )
  const ended = story.error ? `: ${story.error.message}` : ''
  const more = isEnded(story.status) ? '' : '. Call get_story with this id to wait for the rest'
  return [text(`Story ${story.id} ${story.status}${ended}${more}`), ...pictures.flat()]
}

function wordsOf(error: FableframeError): string {
  if (!(error instanceof ApiError) || error.errors.length === 0) return error.message
  return error.errors.map(({ pointer, message }) => `${pointer}: ${message}`).join('\n')
}

const text = (text: string): Content => ({ type: 'text', text })

function base64(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += 0x8000) pieces.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)))
  return btoa(pieces.join(''))
}
