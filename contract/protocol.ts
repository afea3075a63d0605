/**
 * The version of the protocol between runners and the edge, and what stories need of it. A field that is new in a claimed
 * story is entered here, with the version that brought it. Older runners would refuse a story with it. So they get the
 * story without the field where the field says nothing, and do not get the story at all where it says something.
 */
import { isObject } from './json.ts'
import type { StoryRequest } from './story.ts'

export const PROTOCOL = 3

/** A field that claimed stories have had since a version: its path, and whether its value says nothing. */
export interface NewField {
  readonly since: number
  readonly path: readonly string[]
  readonly saysNothing: (value: unknown) => boolean
}

/** Paths run through arrays: `['frames', 'text']` is `text` of each frame. */
const NEW_FIELDS: readonly NewField[] = [
  { since: 3, path: ['frames', 'text'], saysNothing: () => false },
  { since: 3, path: ['prompt_syntax'], saysNothing: (value) => value === 'plain' },
]

/** The lowest version that a runner must speak to read this story. */
export function protocolOf(story: StoryRequest, fields: readonly NewField[] = NEW_FIELDS): number {
  const used = fields.filter(({ path, saysNothing }) => valuesAt(story, path).some((value) => !saysNothing(value)))
  return Math.max(1, ...used.map(({ since }) => since))
}

/** The story as a runner of `protocol` reads it, which must be at least `protocolOf(story)`. */
export function storyFor(
  protocol: number,
  story: StoryRequest,
  fields: readonly NewField[] = NEW_FIELDS,
): StoryRequest {
  const unknown = fields.filter(({ since }) => since > protocol)
  return unknown.reduce<StoryRequest>((rest, { path }) => without(rest, path) as StoryRequest, story)
}

function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path))
  const [name, ...rest] = path
  if (name === undefined) return value === undefined ? [] : [value]
  return isObject(value) ? valuesAt(value[name], rest) : []
}

function without(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((one) => without(one, path))
  const [name, ...rest] = path
  if (name === undefined || !isObject(value) || !(name in value)) return value
  const { [name]: field, ...others } = value
  return rest.length === 0 ? others : { ...value, [name]: without(field, rest) }
}
