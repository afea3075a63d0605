/** The types of `src/types.ts` in plain TypeScript, with their descriptions, made from the schemas of `contract/`. */
import { z } from 'zod'
import { DryRun, MoreFrames, PostedStory, Redraw, SavedCharacter } from '../../contract/character.ts'
import { ClientToken, NewClientToken } from '../../contract/client-token.ts'
import { PROBLEMS, Problem } from '../../contract/problem.ts'
import { StoryRequest } from '../../contract/story.ts'
import { AcceptedStory, Story, StoryStatus, StoryWebhook } from '../../contract/story-view.ts'

type Schema = z.core.JSONSchema.BaseSchema

interface Named {
  schema: z.ZodType
  /** Of what is sent, fields with a default may be left out. */
  io?: 'input'
  /** Only further fields are written. */
  base?: z.ZodType
}

const types: Record<string, Named> = {
  StoryParams: { schema: PostedStory, io: 'input' },
  MoreFrames: { schema: MoreFrames, io: 'input' },
  RedrawParams: { schema: Redraw, io: 'input' },
  Story: { schema: Story },
  StoryRequest: { schema: StoryRequest },
  AcceptedStory: { schema: AcceptedStory, base: Story },
  Frame: { schema: Story.shape.frames.element },
  StoryStatus: { schema: StoryStatus },
  StoryWebhook: { schema: StoryWebhook },
  DryRun: { schema: DryRun },
  Character: { schema: SavedCharacter },
  ClientTokenParams: { schema: NewClientToken, io: 'input' },
  ClientToken: { schema: ClientToken },
  Problem: { schema: Problem },
  ProblemName: { schema: z.enum(Object.keys(PROBLEMS)) },
}
const publicNames = new Map(Object.entries(types).map(([name, { schema }]) => [schema.meta()?.id, name]))

export const typeNames: readonly string[] = Object.keys(types)

/** The text of the package's `types.d.ts`. */
export function typeDeclarations(): string {
  const declarations = new Map<string, string>()
  const declare = (name: string, schema: Schema, base?: z.ZodType) => {
    const type = typeOf(base ? beyond(base, schema) : schema)
    const head = base ? `interface ${name} extends ${nameOf(base.meta()?.id)}` : `interface ${name}`
    const text = `${comment(schema)}export ${type.startsWith('{') ? head : `type ${name} =`} ${type}\n`
    const other = declarations.get(name)
    if (other !== undefined && other !== text) throw new Error(`two types are called ${name}`)
    declarations.set(name, text)
  }
  for (const [name, { schema, io = 'output', base }] of Object.entries(types)) {
    const { $defs = {}, ...whole } = z.toJSONSchema(schema, { io })
    for (const [id, part] of Object.entries($defs)) declare(nameOf(id), part as Schema)
    if (whole.$ref !== `#/$defs/${schema.meta()?.id}`) declare(name, whole, base)
  }
  return [...declarations.values()].join('\n')
}

const nameOf = (id = '') => publicNames.get(id) ?? id

function beyond(base: z.ZodType, schema: Schema): Schema {
  const { $defs = {} } = z.toJSONSchema(base)
  const { properties: known = {} } = ($defs[base.meta()?.id ?? ''] ?? {}) as Schema
  const more = Object.entries(schema.properties ?? {}).filter(([name]) => !(name in known))
  return { ...schema, properties: Object.fromEntries(more) }
}

function typeOf(schema: Schema | boolean, indent = ''): string {
  if (typeof schema === 'boolean') return schema ? 'unknown' : 'never'
  const { $ref, anyOf, enum: values, prefixItems, items, additionalProperties, type } = schema
  if ($ref !== undefined) return nameOf($ref.replace('#/$defs/', ''))
  if (anyOf) return [...new Set(anyOf.map((one) => typeOf(one as Schema, indent)))].join(' | ')
  if (Array.isArray(type)) return type.map((one) => typeOf({ ...schema, type: one }, indent)).join(' | ')
  if ('const' in schema) return JSON.stringify(schema.const)
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ')
  if (prefixItems) return `[${prefixItems.map((one) => typeOf(one as Schema, indent)).join(', ')}]`
  if (type === 'array') return arrayOf(items as Schema, indent)
  if (type === 'object' && schema.properties) return objectOf(schema, indent)
  if (type === 'object') return `Record<string, ${typeOf(additionalProperties as Schema, indent)}>`
  if (type === 'integer') return 'number'
  if (type === 'string' || type === 'number' || type === 'boolean' || type === 'null') return type
  throw new Error(`no TypeScript for ${JSON.stringify(schema)}`)
}

function arrayOf(items: Schema, indent: string): string {
  const item = typeOf(items, indent)
  return items.anyOf || items.enum || Array.isArray(items.type) ? `(${item})[]` : `${item}[]`
}

function objectOf({ properties = {}, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `
  const fields = Object.entries(properties).map(([name, schema]) => {
    const type = typeOf(schema as Schema, inner)
    const field = required.includes(name) ? `${name}: ${type}` : `${name}?: ${type} | undefined`
    return `${comment(schema as Schema, inner)}${inner}${field}\n`
  })
  return `{\n${fields.join('')}${indent}}`
}

function comment({ description, default: usual }: Schema, indent = ''): string {
  const shown = usual === undefined || usual === null ? [] : [`@default ${JSON.stringify(usual)}`]
  const lines = [...(description === undefined ? [] : [description]), ...shown]
  if (lines.length === 0) return ''
  return `${indent}/** ${lines.join(`\n${indent} * `)} */\n`
}
