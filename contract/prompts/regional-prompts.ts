/**
 * Regional prompts: a prompt about several characters, cut into one for each. Frames are divided into columns, from the
 * left in the order in which the characters are named, and each column is generated from its own prompt.
 */
import type { PromptSegment } from './segment.ts'

/** What a column's prompt begins with, so that it knows of its neighbours; '' for the only one. */
export function positionWords(column: number, columns: number): string {
  if (columns === 1) return ''
  const side = column === 0 ? 'on the left' : column === columns - 1 ? 'on the right' : 'in the middle'
  return `${side} of ${['two', 'three'][columns - 2] ?? 'many'} ,`
}

/** What one mention of a character is followed by, up to the next. */
interface Clause {
  character: number
  mention: PromptSegment[]
  words: string
}

/** Words that only lead on to the next character. */
const joiner = '(?:[,;&.!?]|\\b(?:and|while|but|with)\\b)'
const joiners = new RegExp(`^(?:\\s*${joiner})+\\s*|\\s*(?:${joiner}\\s*)+$`, 'gi')

/** Where words stop saying what somebody does and begin to say where, or when. */
const where =
  /\b(?:(?:in|at|on|under|inside|outside|near|by|beside|behind|between|among|across|through|along|over|during|beneath|around)\s+\S|underwater\b)/i

/**
 * One prompt for each character, in the order in which they are named, that begins with its column; null for fewer than
 * two. What comes before the first name is in all of them. Words after a name are about that character, but for the
 * place: a character without one gets the next that is named, or else the last. In "Fern and Bo play" Fern is only joined
 * to Bo, and does what Bo does.
 */
export function regionalPrompts(prompt: readonly PromptSegment[]): PromptSegment[][] | null {
  const order = namedIn(prompt)
  if (order.length < 2) return null
  const first = prompt.findIndex(({ character }) => character !== undefined)
  const clauses = clausesOf(prompt.slice(first))
  const said = clauses.map(({ words }) => parted(words.replace(joiners, '')))
  for (let i = clauses.length - 2; i >= 0; i--) if (!said[i]!.action && !said[i]!.place) said[i] = said[i + 1]!
  return order.map((character, column) => {
    const own = clauses.flatMap((clause, i) => (clause.character === character ? [i] : []))
    const placed = own.some((i) => said[i]!.place)
    const later = said.find(({ place }, i) => i > own.at(-1)! && place) ?? said.findLast(({ place }) => place)
    return [
      { text: positionWords(column, order.length) },
      ...prompt.slice(0, first),
      ...own.flatMap((i) => {
        const { action, place } = said[i]!
        const there = placed || i !== own.at(-1) ? place : (later?.place ?? '')
        return [
          ...clauses[i]!.mention,
          ...(action ? [{ text: action, character }] : []),
          ...(there ? [{ text: there }] : []),
        ]
      }),
    ]
  })
}

/**
 * The same prompt, in which what is said of a character's actions is marked as being about that character, as the captions
 * are that such a model was trained on: words for clothes show where the clothes are, those for actions all of somebody.
 */
export function withActions(prompt: readonly PromptSegment[]): PromptSegment[] {
  let character: number | undefined
  return prompt.flatMap((segment) => {
    character = segment.character ?? character
    if (segment.character !== undefined || character === undefined) return [segment]
    const { action, place } = parted(segment.text)
    if (!action.replace(joiners, '')) return [segment]
    return [{ text: action, character }, ...(place ? [{ text: place }] : [])]
  })
}

/** Characters in the order in which a prompt names them. */
export const namedIn = (prompt: readonly PromptSegment[]): number[] => [
  ...new Set(prompt.flatMap(({ character }) => character ?? [])),
]

function clausesOf(segments: readonly PromptSegment[]): Clause[] {
  const clauses: Clause[] = []
  for (const segment of segments) {
    const { text, character } = segment
    const last = clauses.at(-1)
    if (character === undefined) last!.words = `${last!.words} ${text}`.trim()
    else if (last?.character === character && last.words === '') last.mention.push(segment)
    else clauses.push({ character, mention: [segment], words: '' })
  }
  return clauses
}

function parted(words: string): { action: string; place: string } {
  const at = words.search(where)
  return at < 0 ? { action: words, place: '' } : { action: words.slice(0, at).trim(), place: words.slice(at) }
}
