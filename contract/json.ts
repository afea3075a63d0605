/** What JSON text may not hold, whatever it says: nesting without end, and a name that JavaScript objects lose. */

/** Levels of objects and arrays. Nothing that crosses the wire needs a third of it. */
const MAX_DEPTH = 32

export const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep`
const LOST_NAME = 'not a name that can be kept'

/** What is wrong with the text, and where. Undefined for text that is no JSON, which is for the parser to refuse. */
export function jsonFault(text: string): { path: string[]; message: string } | undefined {
  if (isTooDeep(text)) return { path: [], message: TOO_DEEP }
  if (!/__proto__|\\u00/i.test(text)) return undefined
  const path = pathOfLostName(parsed(text))
  return path && { path, message: LOST_NAME }
}

/** Without parsing, which takes time and stack in proportion to the depth. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x22) i = endOfString(text, i)
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > MAX_DEPTH) return true
    } else if (char === 0x5d || char === 0x7d) depth--
  }
  return false
}

/** The index of the quote that closes the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/** Assigning to `__proto__` sets no property, so a copy of an object would silently lack it. */
function pathOfLostName(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.hasOwn(value, '__proto__')) return ['__proto__']
  for (const [name, child] of Object.entries(value)) {
    const path = pathOfLostName(child)
    if (path) return [name, ...path]
  }
  return undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
