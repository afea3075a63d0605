/** Characters that are kept, so that many stories can name them; and the story as an app posts it. */
import { z } from 'zod'
import { FrameMention } from './frame-cast.ts'
import { pageOf } from './page.ts'
import {
  BankUrl,
  CharacterId,
  checkArea,
  checkReferencesBetweenParts,
  FrameRequest,
  Frames,
  LIMITS,
  Reference,
  STORY_EXAMPLE,
  StoryFields,
  text,
} from './story.ts'
import { EtaSeconds, StoryId } from './story-view.ts'

/** Also fit to be the id of a character inside a story. */
export const SavedCharacterId = z
  .string()
  .regex(/^[a-z2-7]{26}$/, 'the id of a character has 26 characters of a-z and 2-7')
  .meta({ example: 'mfrggzdfmztwq2lknnwg23tpoa' })

const name = text(LIMITS.name).describe('How prompts call the character')
const description = text(LIMITS.description).describe('What the character looks like')
const references = z.array(Reference).max(LIMITS.references, `at most ${LIMITS.references} pictures`)

/** The body of `POST /characters`; in multipart/form-data each `references` is a file or one of these texts. */
export const NewCharacter = z
  .strictObject({
    name,
    description,
    references: references.default([]).describe('A URL is fetched for each story; a data URI is kept'),
  })
  .meta({
    id: 'NewCharacter',
    example: { name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' },
  })

export const SavedCharacter = z
  .object({
    id: SavedCharacterId,
    name: z.string(),
    description: z.string(),
    references: z.array(
      z.object({
        url: z.string().nullable().describe('Null for a picture that the edge keeps'),
        sha256: z.string().nullable().describe('In hex; this and what follows are null for a URL'),
        content_type: z.enum(['image/png', 'image/jpeg', 'image/webp']).nullable(),
        bytes: z.int().nullable(),
      }),
    ),
    created_at: z.iso.datetime().meta({ example: '2026-11-23T17:00:00.123Z' }),
  })
  .meta({ id: 'Character' })
export type SavedCharacter = z.infer<typeof SavedCharacter>

export const SavedCharacterList = pageOf(SavedCharacter).meta({ id: 'CharacterList' })

const required = (field: 'id' | 'name' | 'description') => ({
  path: [field],
  error: 'required',
  // Reported together with whatever else is wrong.
  when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null,
})

/** A character described on the spot, or one of `/characters`. */
const CastMember = z
  .strictObject({
    character: SavedCharacterId.optional().describe('One of `/characters`; the fields beside it override its own'),
    id: CharacterId.optional().describe(
      'Names it in `frames`. Required unless `character` is given, whose id it then has',
    ),
    name: name
      .optional()
      .describe('How the prompts call it; no other character may share it. Required unless `character` is given'),
    description: description
      .optional()
      .describe('Put in where a prompt names it. Required unless `character` is given'),
    references: references.optional().describe('Pictures; not together with `character`, which has its own'),
  })
  .refine(({ character, id }) => character !== undefined || id !== undefined, required('id'))
  .refine(({ character, name }) => character !== undefined || name !== undefined, required('name'))
  .refine(({ character, description }) => character !== undefined || description !== undefined, required('description'))
  .refine(({ character, references }) => character === undefined || references === undefined, {
    path: ['references'],
    error: 'a character that is kept has its own',
  })
  .meta({ id: 'CastMember' })
export type CastMember = z.infer<typeof CastMember>

const bankFields = {
  id: StoryId.optional().describe('The story that has it'),
  url: BankUrl.optional().describe('Fetched by the runner, as pictures are'),
  data: z
    .base64('base64')
    .max(LIMITS.bankData, `at most ${LIMITS.bankData} characters`)
    .optional()
    .describe('The file in base64'),
}

/** A character bank as apps name it. */
const NamedBank = z
  .strictObject(bankFields)
  .refine((named) => Object.values(named).filter((value) => value !== undefined).length === 1, {
    error: 'one of id, url and data',
  })
  .meta({ id: 'NamedBank', example: { id: 'ufawqhfynnddngldkgtslldrkq' } })
export type NamedBank = z.infer<typeof NamedBank>

/** The body of `POST /stories`. */
export const PostedStory = StoryFields.extend({
  bank: NamedBank.nullable()
    .default(null)
    .describe('The characters of an earlier story. Prompts may name them without declaring them here'),
  characters: z
    .array(CastMember)
    .max(LIMITS.characters, `at most ${LIMITS.characters} characters`)
    .default([])
    .describe('The cast, which prompts call by name'),
})
  .superRefine((story, ctx) => {
    checkArea(story, ctx)
    const { injector, regions } = story.consistency
    if (regions === true && injector === 0)
      ctx.addIssue({
        code: 'custom',
        path: ['consistency', 'regions'],
        message: 'cannot be true while injector is 0, which takes nothing from references; leave out one of them',
      })
    // Characters that are kept or in a bank are not known here. The edge validates such a story once they are.
    const cast = story.characters.flatMap(({ character, id, name, references }) =>
      character === undefined && id !== undefined && name !== undefined ? [{ id, name, references }] : [],
    )
    if (cast.length === story.characters.length && story.bank === null)
      checkReferencesBetweenParts({ ...story, characters: cast }, ctx)
  })
  .meta({ id: 'StoryRequest', example: STORY_EXAMPLE })
export type PostedStory = z.infer<typeof PostedStory>

/** The body of `POST /stories/{id}/frames`. */
export const MoreFrames = z
  .strictObject({ frames: Frames(LIMITS.frames) })
  .meta({ id: 'MoreFrames', example: { frames: [{ prompt: 'Fern sleeps under a tree' }] } })

/** The body of `POST /stories/{id}/frames/{index}/redraw`. */
export const Redraw = z
  .strictObject({
    prompt: FrameRequest.shape.prompt.optional().describe('When left out, the present one'),
    text: FrameRequest.shape.text.describe('When left out, the present one'),
    characters: FrameRequest.shape.characters.describe('When left out, the present ones'),
    seed: FrameRequest.shape.seed.describe('When left out, a new one, or with a new prompt or text the present one'),
  })
  .meta({ id: 'Redraw', example: { prompt: 'Fern waves in the rain' } })
export type Redraw = z.infer<typeof Redraw>

/** The answer to `POST /stories?dry_run=true`, which queues nothing. */
export const DryRun = z
  .object({
    dry_run: z.literal(true),
    model: z.string().describe('The model that would generate it'),
    characters: z.array(z.string()).describe('Their ids inside the story'),
    frames: z.int(),
    mentions: z.array(FrameMention).describe('Who was found in which frame'),
    estimated_seconds: EtaSeconds.nullable().describe(
      'Of generating, without waiting for a runner; null while nothing has been measured',
    ),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'DryRun' })
