/**
 * OpenAI's images API, as its clients send and read it (openai 6.30 `resources/images.d.ts`): `n` pictures of one prompt are the
 * frames of a story, so that whoever the prompt is about is the same in all of them.
 */
import { z } from 'zod'
import { PostedStory } from './character.ts'
import { parseSize } from './picture-size.ts'
import { LIMITS, text } from './story.ts'

const { characters, negative_prompt, seed, steps, guidance_scale } = PostedStory.shape
/** What OpenAI's models take and ours have no use for; OpenAI's clients send some of it by themselves. */
const unused = z.unknown().optional().describe('Has no effect')

export const ImagesRequest = z
  .strictObject({
    prompt: text(LIMITS.prompt),
    model: z.string().max(300).nullish().describe('When left out, the model of stories that name none'),
    n: z
      .int('1 to 10')
      .min(1, '1 to 10')
      .max(10, '1 to 10')
      .nullish()
      .describe('Pictures, which are frames of one story; 1 when left out'),
    size: z
      .string()
      .refine((size) => size === 'auto' || parseSize(size), '`auto`, or pixels such as 512x512')
      .nullish()
      .describe('`auto` and null are the size that the model was trained at'),
    response_format: z
      .enum(['url', 'b64_json'])
      .nullish()
      .describe('`url` when left out: a link that needs no API key'),
    output_format: z.literal('png', 'pictures are png').nullish(),
    stream: z.literal(false, 'pictures are not streamed; follow a story instead').nullish(),
    background: unused,
    moderation: unused,
    output_compression: unused,
    partial_images: unused,
    quality: unused,
    style: unused,
    user: unused,
    characters: characters
      .removeDefault()
      .optional()
      .describe(
        'Ours: who is in the pictures, as in `POST /stories`. When left out, the subject that the prompt begins with',
      ),
    negative_prompt: negative_prompt.removeDefault().optional().describe('Ours'),
    seed: seed.removeDefault().optional().describe('Ours'),
    steps: steps.removeDefault().optional().describe('Ours'),
    guidance_scale: guidance_scale.removeDefault().optional().describe('Ours'),
  })
  .meta({ id: 'ImagesRequest', example: { prompt: 'an orange fox reads a book', n: 2, size: 'auto' } })
export type ImagesRequest = z.infer<typeof ImagesRequest>

export const ImagesResponse = z
  .object({
    created: z.int().describe('Unix seconds').meta({ example: 1795453200 }),
    data: z.array(
      z.object({
        url: z.url().optional(),
        b64_json: z.string().optional(),
        revised_prompt: z.string().describe('The prompt: it is not rewritten'),
      }),
    ),
  })
  .meta({ id: 'ImagesResponse' })

export const OpenAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.enum(['invalid_request_error', 'rate_limit_error', 'server_error']),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({
    id: 'OpenAiError',
    example: { error: { message: 'n: 1 to 10', type: 'invalid_request_error', param: 'n', code: 'validation' } },
  })
export type OpenAiError = z.infer<typeof OpenAiError>

/** The name of the character that a prompt is about, which stands in the prompts for what it looks like. */
const SUBJECT = 'Subject'

/** The story, still to be validated, whose frames are the pictures. */
export function storyOfImages({ prompt, n, size, characters, ...request }: ImagesRequest) {
  const { negative_prompt, seed, steps, guidance_scale } = request
  const count = n ?? 1
  const subject = characters || count === 1 ? undefined : subjectOf(prompt)
  const frame = subject
    ? { prompt: prompt.replace(subject, SUBJECT), characters: [SUBJECT.toLowerCase()] }
    : { prompt, ...(characters && { characters: characters.flatMap(({ character, id }) => id ?? character ?? []) }) }
  return {
    frames: Array.from({ length: count }, () => frame),
    characters: subject ? [{ id: SUBJECT.toLowerCase(), name: SUBJECT, description: subject }] : (characters ?? []),
    ...parseSize(size ?? 'auto'),
    ...{ negative_prompt, seed, steps, guidance_scale },
  }
}

/** Where a noun phrase ends: prepositions, conjunctions, verbs by their endings, punctuation. */
const END =
  /[,.;:!?]|\s(?:in|on|at|with|by|under|over|near|beside|behind|through|into|from|to|who|that|which|is|are|was|and|or|while|as|for|\w+(?:[^s]s|ing|ed))(?=\s|$)/i

/** "an orange fox" of "an orange fox reads a book"; undefined when the prompt begins with nobody. */
export function subjectOf(prompt: string): string | undefined {
  if (!/^(?:an?|the|one|my|our|this)\s/i.test(prompt)) return undefined
  const phrase = prompt.slice(0, END.exec(prompt)?.index).trim()
  const words = phrase.split(/\s+/).length
  return words >= 2 && words <= 6 ? phrase : undefined
}
