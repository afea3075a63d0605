/** JSON that strangers wrote: shown in errors without trouble, and its repeated keys found. */

/** `value` as JSON for an error message, cut where it is long; a text may stand in other `quotes`. */
export function shown(value: unknown, quotes = '"'): string {
  const text = typeof value === 'string' ? `${quotes}${value}${quotes}` : written(value, 0)
  return text.length <= 120 ? text : `${text.slice(0, 80)}… (${text.length} characters)`
}

/** JSON.stringify would run out of stack in deep lists, and of memory in long ones. */
function written(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value)
  if (depth > 4) return '…'
  const some = Object.entries(value).slice(0, 40)
  const parts = some.map(([key, item]) =>
    Array.isArray(value) ? written(item, depth + 1) : `${JSON.stringify(key)}:${written(item, depth + 1)}`,
  )
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}

/**
 * The first key that the outermost object of `json`, which must be valid, holds twice: JSON.parse keeps the last of
 * them without a word, other readers the first.
 */
export function repeatedKey(json: string): string | undefined {
  const seen = new Set<string>()
  const colon = /\s*:/y
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!
    if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (character === '"') {
      const start = i++
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      colon.lastIndex = i + 1
      if (depth !== 1 || !colon.test(json)) continue
      const key = JSON.parse(json.slice(start, i + 1)) as string
      if (seen.has(key)) return key
      seen.add(key)
    }
  }
  return undefined
}
