/** The story that an app posts, as it crosses the wire, waits in the queue and is claimed by a runner. */
import { z } from 'zod'
import { REDRAWS } from './consistency.ts'
import { sameNames } from './frame-cast.ts'

export const LIMITS = {
  /** Of one request. */
  frames: 12,
  /** Of a story, with those that were added to it. */
  storyFrames: 48,
  characters: 4,
  references: 4,
  /** Pictures given in place of first frames of a character. */
  anchors: 4,
  title: 200,
  style: 500,
  prompt: 1000,
  /** What a book says beside one frame: as much as its page holds in the smallest type. */
  text: 1500,
  name: 40,
  description: 500,
  /** Characters of one reference picture given as a data URI. */
  dataUri: 256 * 1024,
  /** Bytes of one reference picture, uploaded or behind a URL. */
  referenceBytes: 5 * 1024 * 1024,
  /** Bytes of a character bank. */
  bankBytes: 16 * 1024 * 1024,
  /** Characters of one in base64. */
  bankData: 900_000,
  side: { min: 64, max: 2048, multiple: 8 },
  /** Of a frame. SDXL was trained at many shapes of about this area, 1536×640 among them. */
  pixels: 1024 * 1024,
  steps: 100,
  metadata: { entries: 16, key: 64, value: 256 },
} as const

export const text = (max: number) =>
  z
    .string({ error: (issue) => (issue.input === undefined ? 'required' : undefined) })
    .normalize('NFC')
    .trim()
    .min(1, 'must not be blank')
    .max(max, `at most ${max} characters`)

/** Names a character inside one story: `fox`, `old-sailor_2`. */
export const CharacterId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, '1-32 letters, digits, - or _, beginning with a letter or digit')

const aReference = {
  error: `an https URL, or data:image/(png|jpeg|webp);base64,… of at most ${LIMITS.dataUri} characters`,
}
const given = [z.url({ protocol: /^https$/ }).max(2048), DataUri()] as const
/** A reference picture as apps give it. */
export const Reference = z.union(given, aReference)

/** A picture that the edge keeps, in a story as a runner claims it. */
const StoredReference = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)])
/** The hash in a `StoredReference` or in `bank`; undefined for other references. */
export const storedHash = (reference: string) => /^sha256:([0-9a-f]{64})$/.exec(reference)?.[1]

const aBank = 'an https URL, or sha256:… of a bank that the edge keeps'
export const BankUrl = z.url({ protocol: /^https$/, error: aBank }).max(2048)

const Character = z
  .strictObject({
    id: CharacterId,
    name: text(LIMITS.name).describe('How the prompts call the character; no other character may share it'),
    description: text(LIMITS.description).describe('What the character looks like; put in where a prompt names it'),
    references: z
      .array(z.union([...given, StoredReference], aReference))
      .max(LIMITS.references)
      .optional()
      .describe('Pictures of the character; `sha256:…` is one that the edge keeps'),
  })
  .meta({ id: 'StoryCharacter' })

const Seed = z.int().min(0, '0 to 2^53 - 1')

export const FrameRequest = z
  .strictObject({
    prompt: text(LIMITS.prompt).describe('What is generated'),
    text: text(LIMITS.text)
      .optional()
      .describe('What books, captions and the storyboard say beside the picture; when left out, the prompt'),
    characters: z
      .array(CharacterId)
      .max(LIMITS.characters)
      .optional()
      .describe(
        'Ids of the characters in this frame; when left out, those whom the prompt names, or whom the frame before shows if it begins with a pronoun',
      ),
    seed: Seed.optional().describe(
      "Of this frame's noise, wherever it stands; when left out, one that follows from the story's seed and the place",
    ),
  })
  .meta({ id: 'FrameRequest' })

const within = <T extends z.ZodNumber>(type: T, min: number, max: number) =>
  type.min(min, `${min} to ${max}`).max(max, `${min} to ${max}`)

const Side = within(z.int(), LIMITS.side.min, LIMITS.side.max)
  .multipleOf(LIMITS.side.multiple, `a multiple of ${LIMITS.side.multiple}`)
  .nullable()
  .default(null)
  .describe(`Pixels, of which a frame has at most ${LIMITS.pixels}; null for the size the model was trained at`)

const Strength = within(z.number(), 0, 1)

/** How the prompt of a frame with several characters is applied to the picture. */
export const Layout = z.enum(['columns', 'free'])

const Consistency = z.strictObject({
  layout: Layout.optional().describe(
    "'columns' (regional prompting): characters stand side by side, from the left in the order in which the prompt names them, and the column of each is generated from a prompt of its own, so that looks do not mix. 'free': one prompt for the whole picture. When left out, what the model was trained for",
  ),
  synchronizer: Strength.optional().describe('How much the frames attend to each other; 0 turns it off'),
  leak_guard: z
    .boolean()
    .optional()
    .describe(
      'Where characters share a frame: whether each attends only to itself in other frames, and never to the others there',
    ),
  injector: Strength.optional().describe('How much reference pictures weigh; 0 turns it off'),
  regions: z.boolean().optional().describe('Whether face, upper and lower body are taken from references separately'),
  min_score: Strength.optional().describe(
    'Frames with a lower score in the consistency report are generated again, with another seed, and the better picture is kept. No frame is shown before all are checked',
  ),
  max_redraws: within(z.int(), 0, REDRAWS.most)
    .optional()
    .describe(`How many redraws for \`min_score\` the story may take in all; ${REDRAWS.usual} when left out`),
})

/** Names that a webhook subscription can ask for; `completed` is every terminal state, whatever its outcome. */
export const WebhookEvent = z.enum(['start', 'frame', 'progress', 'completed'])
export type WebhookEvent = z.infer<typeof WebhookEvent>

const { entries, key, value } = LIMITS.metadata
export const Metadata = z
  .record(z.string().min(1).max(key), z.union([z.string().max(value), z.number(), z.boolean(), z.null()]))
  .refine((data) => Object.keys(data).length <= entries, `at most ${entries} entries`)
  .describe('Handed back unchanged in every view of the story')

const Seconds = (max: number) => within(z.number(), 1, max).nullable().default(null)

const Deadline = z.strictObject({
  start_within: Seconds(7 * 86_400).describe(
    'Seconds that the story may wait for its start; after that it ends as `expired`. Null for as long as it takes',
  ),
  run_within: Seconds(86_400).describe(
    'Seconds that one attempt may take; after that the story fails with `run_timeout`, and keeps the frames that are done. Null for 1800',
  ),
})

/** What the body of `POST /stories` (`PostedStory`) and a story in the queue have in common. Null: the model decides. */
export const StoryFields = z.strictObject({
  title: text(LIMITS.title).nullable().default(null).describe('Shown on the storyboard'),
  style: text(LIMITS.style).nullable().default(null).describe('Goes before every prompt'),
  characters: z.array(Character).max(LIMITS.characters, `at most ${LIMITS.characters} characters`).default([]),
  frames: Frames(LIMITS.frames),
  anchors: Anchors(Reference),
  negative_prompt: text(LIMITS.prompt).nullable().default(null).describe('What the frames are not to show'),
  prompt_syntax: z
    .enum(['plain', 'weighted'])
    .default('plain')
    .describe(
      "How style, prompts, descriptions and the negative prompt are read. 'plain': as they are. 'weighted': `(words)` count 1.1 times, `[words]` 1 / 1.1 times, `(words:1.3)` 1.3 times, nested; `\\\\(` is a bracket; `BREAK` begins a new chunk of 75 tokens",
    ),
  width: Side,
  height: Side,
  steps: within(z.int(), 1, LIMITS.steps)
    .nullable()
    .default(null)
    .describe('Sampling steps: more take longer; null for what suits the model'),
  guidance_scale: within(z.number(), 0, 30)
    .nullable()
    .default(null)
    .describe('How strictly frames follow their prompts (classifier-free guidance); null for what suits the model'),
  guidance_rescale: Strength.nullable()
    .default(null)
    .describe('How far guided predictions are brought back to the contrast of unguided ones; null for 0'),
  guidance_interval: z
    .tuple([Strength, Strength])
    .refine(([start, end]) => start < end, 'the start must come before the end')
    .nullable()
    .default(null)
    .describe(
      'Shares of the steps between which to guide, such as [0.1, 0.8]; null for what suits the model: all, or for a rectified flow the first three quarters',
    ),
  clip_skip: within(z.int(), 0, 12)
    .nullable()
    .default(null)
    .describe('Last layers of the text encoder to leave out; null for 0'),
  seed: Seed.nullable().default(null).describe('0 to 2^53 - 1; null for a random seed, chosen at acceptance'),
  scheduler: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, '1-64 letters, digits, - or _')
    .nullable()
    .default(null)
    .describe("Name of a scheduler of the runner; null for the model's own"),
  model: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/, 'the name of a model, such as story-mini')
    .nullable()
    .default(null)
    .describe('One of `GET /models`; null for the first of them'),
  consistency: Consistency.default({}).describe('How the characters are kept alike; what is left out suits the model'),
  webhook: z
    .url({ protocol: /^https?$/, error: 'an absolute http(s) URL' })
    .max(2048)
    .nullable()
    .default(null)
    .describe('Where signed messages about the story are posted'),
  webhook_events_filter: z.array(WebhookEvent).min(1).default(['start', 'frame', 'completed']),
  metadata: Metadata.default({}),
  priority: z
    .enum(['low', 'normal', 'high'])
    .default('normal')
    .describe('Among the stories of the same API key; other keys are not affected'),
  deadline: Deadline.default({ start_within: null, run_within: null }),
})

/** For the document. */
export const STORY_EXAMPLE = {
  characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' }],
  frames: [{ prompt: 'Fern waves in the forest' }, { prompt: 'Fern reads a book in the bedroom at night' }],
}

/** A story with all that it takes to generate it: in the queue, as a runner claims it, and one line of `npm run generate`. */
export const StoryRequest = StoryFields.extend({
  frames: Frames(LIMITS.storyFrames),
  anchors: Anchors(z.union([...given, StoredReference], aReference)),
  bank: z
    .union([BankUrl, StoredReference], { error: aBank })
    .nullable()
    .default(null)
    .describe('The characters as earlier frames show them'),
})
  .superRefine((story, ctx) => {
    checkArea(story, ctx)
    checkReferencesBetweenParts(story, ctx)
  })
  .meta({ id: 'ClaimedStory', example: STORY_EXAMPLE })
export type StoryRequest = z.infer<typeof StoryRequest>
export type StoryInput = z.input<typeof StoryRequest>

export function Frames(most: number) {
  return z
    .array(FrameRequest, { error: (issue) => (issue.input === undefined ? 'required' : undefined) })
    .min(1, 'at least 1 frame')
    .max(most, `at most ${most} frames`)
    .describe('The pictures, in their order')
}

function Anchors<Picture extends z.ZodType<string>>(picture: Picture) {
  const Anchor = z.strictObject({
    character: CharacterId.describe('Whom it shows'),
    picture: picture.optional().describe("When left out, the first of the character's references"),
  })
  return z
    .array(Anchor)
    .max(LIMITS.anchors, `at most ${LIMITS.anchors} pictures`)
    .default([])
    .describe(
      'Pictures that frames attend to while they are sampled, as they attend to the first frames of each character',
    )
}

function DataUri() {
  return z
    .string()
    .max(LIMITS.dataUri)
    .regex(/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/)
}

/** A frame that is too large, pointed at in its longer side; undefined for one that is not. */
export function areaIssue(width: number, height: number): { side: 'width' | 'height'; message: string } | undefined {
  if (width * height <= LIMITS.pixels) return undefined
  const message = `${width}×${height} are ${width * height} pixels; a frame has at most ${LIMITS.pixels}`
  return { side: width >= height ? 'width' : 'height', message }
}

/** A size is checked where it is whole. What the model decides is validated once the model is known. */
export function checkArea({ width, height }: { width: number | null; height: number | null }, ctx: z.RefinementCtx) {
  const issue = width !== null && height !== null ? areaIssue(width, height) : undefined
  if (issue) ctx.addIssue({ code: 'custom', message: issue.message, path: [issue.side] })
}

/** What no single field can check: characters are unique, and frames name only those that are declared. */
export function checkReferencesBetweenParts(
  story: {
    characters: { id: string; name: string; references?: unknown[] | undefined }[]
    frames: { characters?: string[] | undefined }[]
    anchors: { character: string; picture?: string | undefined }[]
  },
  ctx: z.RefinementCtx,
) {
  const reject = (message: string, ...path: (string | number)[]) => ctx.addIssue({ code: 'custom', message, path })
  const ids = story.characters.map((character) => character.id)
  const again = sameNames(story.characters.map((character) => character.name))
  const declared = ids.length > 0 ? `declared are ${ids.join(', ')}` : 'no characters are declared'
  for (const [i, character] of story.characters.entries()) {
    if (ids.indexOf(character.id) < i) reject(`another character has the id ${character.id}`, 'characters', i, 'id')
    if (again.includes(i)) reject(`another character is called ${character.name}`, 'characters', i, 'name')
  }
  for (const [f, frame] of story.frames.entries()) {
    for (const [i, id] of (frame.characters ?? []).entries()) {
      if (!ids.includes(id)) reject(`unknown character ${id}; ${declared}`, 'frames', f, 'characters', i)
      else if (frame.characters?.indexOf(id) !== i) reject(`${id} is named twice`, 'frames', f, 'characters', i)
    }
  }
  for (const [a, { character, picture }] of story.anchors.entries()) {
    const shown = story.characters.find(({ id }) => id === character)
    if (!shown) reject(`unknown character ${character}; ${declared}`, 'anchors', a, 'character')
    else if (picture === undefined && !shown.references?.length)
      reject(`required, since ${character} has no references`, 'anchors', a, 'picture')
  }
}
