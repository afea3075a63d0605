/** What everyday captions are written with: two streams, the outside words, and how many of those a caption carries. */
import * as tables from './everyday-words.ts'
import { type OutsideWords, outsideWords } from './outside-words.ts'
import { type Random, random } from './random.ts'
import { VOCABULARY } from './vocabulary.ts'

export interface Writer {
  /** Draws the wording. */
  r: Random
  /** Draws outside words, and whether there are any. */
  o: Random
  /** Whether to put an outside word where one comes with this probability in a caption of usual loudness. */
  outside: (probability: number) => boolean
  words: OutsideWords
  /** Whether nothing may be left open. */
  certain: boolean
}

export interface WriterOptions {
  variant: number
  /** Whether words are put in that stand for nothing. */
  outside: boolean
  /** How many characters share the caption: the more they are, the fewer outside words each brings. */
  characters: number
  certain?: boolean
}

export function everydayWriter({ variant, outside, characters, certain = false }: WriterOptions): Writer {
  const r = random(variant, 91)
  const o = random(variant, 92)
  const loudness = outside ? o.pick([0, 0, 1, 1, 2.4]) / characters : 0
  return { r, o, outside: (probability) => o.chance(probability * loudness), words: outsideSource()(o), certain }
}

/** The first of several wordings as often as all others together. */
export function choose(r: Random, wordings: readonly string[]): string {
  return wordings.length === 1 || r.chance(0.5) ? wordings[0]! : r.pick(wordings)
}

const irregular: Readonly<Record<string, string>> = {
  ...{ mouse: 'mice', sheep: 'sheep', calf: 'calves', ox: 'oxen', man: 'men', woman: 'women', person: 'people' },
}

/** The plural of a kind, of which the last word is the noun. */
export function pluralOf(noun: string): string {
  const [last = ''] = noun.split(' ').slice(-1)
  const before = noun.slice(0, noun.length - last.length)
  if (irregular[last]) return before + irregular[last]
  if (/(?:s|x|ch|sh)$/.test(last)) return `${before}${last}es`
  return /[^aeiou]y$/.test(last) ? `${before}${last.slice(0, -1)}ies` : `${before}${last}s`
}

/** Good enough for words that stand for nothing. */
export const plural = (noun: string): string => (noun.endsWith('s') ? noun : `${noun}s`)

let source: ReturnType<typeof outsideWords> | undefined
const outsideSource = () => (source ??= outsideWords(meansSomething()))

/** Whether a word, or what it is a plain form of, is one that captions say something with. */
function meansSomething(): (word: string) => boolean {
  const known = new Set(
    [...stringsIn(VOCABULARY), ...stringsIn(tables)].flatMap((text) => text.toLowerCase().split(/[^a-z]+/)),
  )
  return (word) =>
    word
      .split('-')
      .some((part) => stemsOf(part).some((stem) => known.has(stem) || known.has(`${stem}s`) || known.has(`${stem}e`)))
}

const stemsOf = (word: string): string[] => {
  const cut = ['s', 'es', 'd', 'ed', 'ing', 'y', 'ly', 'er', 'like'].filter((end) => word.endsWith(end))
  return [word, ...cut.map((end) => word.slice(0, -end.length)).filter((stem) => stem.length > 2)]
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return value && typeof value === 'object' ? Object.values(value).flatMap(stringsIn) : []
}
