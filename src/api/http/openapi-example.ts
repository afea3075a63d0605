/** Examples for the document, made from schemas: each is valid where the schema's own examples are. */

/** The part of JSON Schema 2020-12 that our schemas use. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  description?: string
  const?: unknown
  enum?: unknown[]
  default?: unknown
  example?: unknown
  examples?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  prefixItems?: Schema[]
  minItems?: number
  minimum?: number
  exclusiveMinimum?: number
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}

const FORMATS: Record<string, string> = {
  uri: 'https://app.example/',
  date: '2026-11-23',
  'date-time': '2026-11-23T17:00:00.123Z',
}

/** @param components what `$ref: #/components/schemas/<name>` stands for. */
export function exampleOf(schema: Schema, components: Record<string, Schema>): unknown {
  const known = [schema.example, schema.examples?.[0], schema.const, schema.default, schema.enum?.[0]]
  const given = known.find((value) => value !== undefined && value !== null)
  if (given !== undefined) return given
  if (schema.$ref) return exampleOf(components[schema.$ref.split('/').at(-1) ?? ''] ?? {}, components)
  const branch = schema.anyOf?.[0] ?? schema.oneOf?.[0]
  if (branch) return exampleOf(branch, components)
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, components)))
  const types = [schema.type ?? []].flat()
  // What is null until it is known is shown as null, and what may be left out is.
  if (types.includes('null')) return null
  switch (types[0]) {
    case 'object': {
      const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name))
      return Object.fromEntries(required.map(([name, value]) => [name, exampleOf(value, components)]))
    }
    case 'array': {
      const items = schema.prefixItems ?? (schema.items ? [schema.items] : [])
      return items.map((item) => exampleOf(item, components))
    }
    case 'string':
      return FORMATS[schema.format ?? ''] ?? 'text'
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, (schema.exclusiveMinimum ?? -1) + 1)
    case 'boolean':
      return false
    default:
      return types.length === 0 ? {} : null
  }
}
