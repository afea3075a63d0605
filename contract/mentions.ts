/**
 * Where prompts call characters by name. The edge, which warns and reports, and the runner, which puts descriptions in
 * their place, both ask here, so that they find the same.
 *
 * - Texts are compared in Unicode normalization form C. Case does not matter, unless the name is a common word, which
 *   counts only as it is written: "Rose holds a rose" names Rose once. Nor does a word in lower case behind an article
 *   name anybody: "a fern grows".
 * - A name is a whole word, or several with white space between: neither "Fernando" nor "al-Qahira" names Fern or Al.
 *   "Fern's" does. The longest name wins: "Ann Marie waves" is not about Ann.
 * - Scripts without spaces are cut into words by `Intl.Segmenter`; Korean names may carry a particle, Arabic and Hebrew ones
 *   a prefix, and names of languages with cases are found in their other cases: Маша in "Машу видно", Anna in "Annę".
 */
import { isCommonWord } from './common-words.ts'

/** A stretch of a prompt; `character` is the place in the list of names of whoever it calls. */
export interface PromptStretch {
  readonly text: string
  readonly character?: number
}

/** Code units of the prompt in form C; `end` is not included. */
interface Mention {
  readonly character: number
  readonly start: number
  readonly end: number
}

/** `prompt`, in form C, cut at mentions of `names`. A null name is not looked for. Stretches keep their white space. */
export function splitAtMentions(prompt: string, names: readonly (string | null)[]): PromptStretch[] {
  const text = prompt.normalize('NFC')
  const stretches: PromptStretch[] = []
  let at = 0
  for (const { character, start, end } of mentionsIn(text, names)) {
    if (start > at) stretches.push({ text: text.slice(at, start) })
    stretches.push({ text: text.slice(start, end), character })
    at = end
  }
  if (at < text.length) stretches.push({ text: text.slice(at) })
  return stretches
}

/** Two names that look the same in a prompt have the same key. */
export const nameKey = (name: string): string => fold(name.normalize('NFC')).replace(/\s+/gu, ' ')

/** From the left, at each place the longest, none overlapping another. */
function mentionsIn(text: string, names: readonly (string | null)[]): Mention[] {
  const found = names.flatMap((name, character) =>
    name === null ? [] : mentionsOf(text, name.normalize('NFC'), character),
  )
  // Of two characters whom the same letters may call, an exact name goes before another's inflected form.
  const exact = ({ character, start, end }: Mention) => nameKey(names[character]!) === nameKey(text.slice(start, end))
  found.sort((a, b) => a.start - b.start || b.end - a.end || Number(exact(b)) - Number(exact(a)))
  let at = 0
  return found.filter(({ start, end }) => {
    if (start < at) return false
    at = end
    return true
  })
}

function mentionsOf(text: string, name: string, character: number): Mention[] {
  const found: Mention[] = []
  for (const { index, 0: match } of text.matchAll(patternOf(name))) {
    const mention = { character, start: index, end: index + match.length }
    const asNoun = match[0] !== name[0] && article.test(text.slice(0, index))
    if (!asNoun && countsAs(match, name) && (!unspaced.test(name) || isWord(text, mention))) found.push(mention)
  }
  return found
}

const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u
const inWord = '[\\p{L}\\p{M}\\p{N}_]'
/** Not inside a word, nor joined to one by a hyphen. */
const before = `(?<!${inWord})(?<!${inWord}[-‐‑])`
const after = `(?!${inWord})(?![-‐‑]${inWord})`

const article = /(?:^|[^\p{L}])(?:an?|the|some|this|that|these|those|each|every|no)\s+$/iu

/** Finds `name`, and more than that: what it finds is checked by `countsAs` and `isWord`. */
function patternOf(name: string): RegExp {
  const written = name
    .split(/\s+/u)
    .map((word) => literal(word))
    .join('\\s+')
  if (unspaced.test(name)) return new RegExp(written, 'giu')
  if (/\p{sc=Hangul}$/u.test(name)) return new RegExp(`${before}${written}(?=(?:${particles})?${after})`, 'gu')
  if (/^[\p{sc=Arabic}\p{sc=Hebrew}]{3}/u.test(name))
    return new RegExp(`(?:${before}|(?<=${before}[وفبلكהובלכמש]))${written}${after}`, 'gu')
  const { stem, endings } = inflectionOf(name)
  const forms = endings === '' ? written : `(?:${written}|${literal(stem)}(?:${endings}))`
  return new RegExp(`${before}${forms}${after}`, 'giu')
}

/** Turkish has two letters i, of which `i` in a pattern knows only the one without its dot above a capital. */
const literal = (text: string) => escaped(text).replace(/i\u0307?|[ıİI]/gu, '(?:i\\u0307?|[ıİI])')

const particles = '은|는|이|가|을|를|의|에게|한테|께|와|과|도|만|랑|이랑|하고|야|아|에게서|보다|처럼|이는|이가'

/** Endings of the other cases, by what a name ends with. Latin ones only where they have a letter that English lacks. */
const inflections: readonly (readonly [name: RegExp, endings: string])[] = [
  [/\p{sc=Cyrillic}{2}[аА]$/u, 'ы|и|е|у|ой|ою|ей|ею|о|і|ї|ин|ам|ах'],
  [/\p{sc=Cyrillic}{2}[яЯ]$/u, 'и|е|ю|ей|ёй|ею|і|ї|єю|йки'],
  [/\p{sc=Cyrillic}{2}[йьЙЬ]$/u, 'я|ю|ем|ём|е|и|єм|ю'],
  [/\p{sc=Cyrillic}{3}$/u, 'а|у|ом|ем|е|ові|ою'],
  [/\p{sc=Greek}{2}[αάηή]$/u, 'ας|άς|ης|ής|α|η'],
  [/\p{sc=Greek}{2}[οό]ς$/u, 'ου|ού|ο|ό|ε|έ'],
  [/\p{sc=Latin}{2}a$/u, 'ę|ą|ě|ią|ię|ů'],
  [/\p{sc=Latin}{3}$/u, 'ů|ów|ě'],
]

function inflectionOf(name: string): { stem: string; endings: string } {
  const [pattern, endings] = inflections.find(([pattern]) => pattern.test(name)) ?? []
  if (!pattern || !endings) return { stem: name, endings: '' }
  const stem = name.replace(/(?:[аяйьАЯЙЬαάηή]|[οό]ς|(?<=\p{sc=Latin})a)$/u, '')
  return { stem, endings }
}

/** Case does not matter, but for common words, and in other cases than the name's for the first letter. */
function countsAs(match: string, name: string): boolean {
  const as = (text: string) => text.replace(/\s+/gu, ' ')
  if (nameKey(match) !== nameKey(name)) return match[0] === name[0]
  return as(match) === as(name) || !isCommonWord(nameKey(name))
}

/** Whether white space or a segmenter parts it from its neighbours. Names of three signs and more may stand anywhere. */
function isWord(text: string, { start, end }: Mention): boolean {
  if ([...text.slice(start, end)].length >= 3) return true
  const bounds = new Set([0, text.length])
  for (const { index } of segmenter.segment(text)) bounds.add(index)
  return bounds.has(start) && (bounds.has(end) || /^[がはをにとのもでへや、。！？\s]/u.test(text.slice(end)))
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

/** Lower case, with Turkish İ and ı as i. */
const fold = (text: string): string => text.toLowerCase().replaceAll('i\u0307', 'i').replaceAll('ı', 'i')

/** A pattern that finds `text` itself. */
export const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
