/** What a model can do: a runner announces it of the model that it has open, and stories are validated against it. */
import { z } from 'zod'
import { promptWarnings } from './prompts/warnings.ts'
import { areaIssue, Layout, type StoryRequest } from './story.ts'

const Side = z.int().min(1).max(16_384)

export const ModelAbilities = z
  .object({
    size: z.object({ width: Side, height: Side }).describe('Pixels of a frame whose story names no size'),
    largest_side: Side.describe('Pixels that a side may have at most'),
    side_multiple: Side.describe('What the sides of a frame are multiples of'),
    schedulers: z.array(z.string().max(64)).max(50).describe('Names that `scheduler` may have'),
    clip_skip: z.int().min(0).describe('Layers of the text encoder that `clip_skip` can leave out'),
    references: z.boolean().describe('Whether it reads reference pictures'),
    sharing: z.boolean().describe('Whether frames can attend to each other, as `consistency.synchronizer` says'),
    scores: z.boolean().describe('Whether it can tell characters apart, as `consistency.min_score` needs'),
    layout: Layout.describe('How a frame of several characters is read unless the story says otherwise'),
    prompt_tokens: z.int().min(1).describe('Tokens of a prompt that its text encoder reads; what follows is cut'),
    vocabulary: z
      .array(z.string().max(50))
      .max(20_000)
      .nullable()
      .describe('The words that it was trained on, in lower case; null where it may know any'),
    stand_ins: z
      .record(z.string().max(50), z.string().max(100))
      .optional()
      .describe('By word that it was not trained on what it draws instead: a fox for a dog'),
  })
  .meta({ id: 'ModelAbilities' })
export type ModelAbilities = z.infer<typeof ModelAbilities>

export interface Model {
  readonly name: string
  readonly abilities: ModelAbilities
}

/** What of a story the model cannot do at all, each with a JSON pointer (RFC 6901) to the field that asks for it. */
export function impossibleFor(
  { name, abilities }: Model,
  { width, height, scheduler, clip_skip }: Pick<StoryRequest, 'width' | 'height' | 'scheduler' | 'clip_skip'>,
): { pointer: string; message: string }[] {
  const { size, largest_side: most, side_multiple: multiple, schedulers, clip_skip: layers } = abilities
  const given = { width, height }
  const asked = `${width ?? size.width}×${height ?? size.height}`
  const issues = (['width', 'height'] as const).flatMap((side) => {
    const pixels = given[side] ?? size[side]
    if (pixels > most)
      return [{ pointer: `/${side}`, message: `${asked} is too large; ${name} draws up to ${most}×${most}` }]
    if (pixels % multiple !== 0)
      return [{ pointer: `/${side}`, message: `${asked}: ${name} draws sides that are multiples of ${multiple}` }]
    return []
  })
  const area = areaIssue(width ?? size.width, height ?? size.height)
  if (area && issues.length === 0) issues.push({ pointer: `/${area.side}`, message: area.message })
  if (scheduler !== null && !schedulers.includes(scheduler))
    issues.push({
      pointer: '/scheduler',
      message: `scheduler '${scheduler}' does not fit this model; ${schedulers.join(', ')} do`,
    })
  if (clip_skip !== null && clip_skip > layers)
    issues.push({
      pointer: '/clip_skip',
      message: `clip_skip ${clip_skip}: the text encoder of ${name} has ${layers} layers to skip`,
    })
  return issues
}

/** What the model will do less well than a story may expect; each begins with a JSON pointer to what asks for it. */
export function modelWarnings(
  model: Model,
  story: StoryRequest,
  tokensOf?: Parameters<typeof promptWarnings>[2],
): string[] {
  return [...ignoredBy(model, story), ...promptWarnings(story, model, tokensOf)]
}

/** What of a story the model leaves undone without failing. */
function ignoredBy({ name, abilities }: Model, { characters, consistency }: StoryRequest): string[] {
  const warnings: string[] = []
  if (!abilities.references)
    for (const [c, { references = [] }] of characters.entries())
      if (references.length > 0 && consistency.injector !== 0)
        warnings.push(`/characters/${c}/references: ${name} cannot read reference pictures; they have no effect`)
  if (!abilities.sharing && (consistency.synchronizer ?? 0) > 0)
    warnings.push(`/consistency/synchronizer: frames cannot attend to each other in ${name}; it has no effect`)
  if (!abilities.scores && consistency.min_score !== undefined)
    warnings.push(`/consistency/min_score: ${name} cannot tell characters apart; it has no effect`)
  return warnings
}
