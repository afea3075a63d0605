/** Which font file has a character: Noto by script, for what people write besides Latin and Cyrillic, and emoji. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { resolve } = createRequire(import.meta.url)

export interface FontFile {
  readonly family: string
  readonly path: string
}

type Ranges = readonly (readonly [first: number, last: number])[]

interface Subset extends FontFile {
  readonly ranges: Ranges
}

/** What the page's own fonts have, by the names that fontsource gives to its subsets. */
const ownSubsets = ['latin', 'latin-ext', 'vietnamese', 'cyrillic']

/** The chunks of a page's own ideographs, by how its language writes them. */
const ideographs = ['sc', 'tc', 'jp', 'kr'] as const
const scripts = [
  ...['arabic', 'hebrew', 'devanagari', 'bengali', 'gurmukhi', 'gujarati', 'tamil', 'telugu', 'kannada', 'malayalam'],
  ...['sinhala', 'thai', 'lao', 'khmer', 'myanmar', 'georgian', 'armenian', 'ethiopic'],
]

/** One file, since the sequences of an emoji (families, flags, skin tones) reach across its chunks. */
const emoji: FontFile = {
  family: 'Noto Color Emoji',
  path: resolve('@fontsource/noto-color-emoji/files/noto-color-emoji-emoji-400-normal.woff2'),
}

/** The files that have the characters of `texts`, in the order in which they are searched. */
export function filesFor(texts: readonly string[]): FontFile[] {
  const all = texts.join('')
  const found = new Set<FontFile>()
  const packages = ['', ...scripts.map((script) => `-${script}`), ...preferred(all).map((place) => `-${place}`)]
  for (const character of new Set(all)) {
    if (/\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u20e3/u.test(character)) {
      found.add(emoji)
      continue
    }
    // Joiners and selectors belong to the letters and emoji around them.
    if (/\p{Default_Ignorable_Code_Point}/u.test(character)) continue
    const code = character.codePointAt(0)!
    if (own().some((ranges) => includes(ranges, code))) continue
    const subset = packages.flatMap(subsetsOf).find(({ ranges }) => includes(ranges, code))
    if (subset) found.add(subset)
  }
  return [...found].sort((a, b) => (a === emoji ? -1 : b === emoji ? 1 : a.family < b.family ? -1 : 1))
}

/** Chinese, Japanese and Korean share ideographs that each writes in its own way; kana and hangul tell them apart. */
function preferred(text: string): (typeof ideographs)[number][] {
  const first = /[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)
    ? 'jp'
    : /\p{Script=Hangul}/u.test(text)
      ? 'kr'
      : /\p{Script=Bopomofo}/u.test(text)
        ? 'tc'
        : 'sc'
  return [first, ...ideographs.filter((place) => place !== first)]
}

const read = new Map<string, readonly Subset[]>()

/** The subsets of `@fontsource-variable/noto-sans<suffix>`, without the letters that the page's own fonts have. */
function subsetsOf(suffix: string): readonly Subset[] {
  const known = read.get(suffix)
  if (known) return known
  const name = `noto-sans${suffix}`
  const subsets = Object.entries(rangesIn(`@fontsource-variable/${name}`))
    .filter(([subset]) => !ownSubsets.includes(subset))
    .map(([subset, list]): Subset => {
      const chunk = subset.replace(/[[\]]/g, '')
      const path = resolve(`@fontsource-variable/${name}/files/${name}-${chunk}-wght-normal.woff2`)
      return { family: `Noto${suffix} ${chunk}`, path, ranges: list }
    })
  read.set(suffix, subsets)
  return subsets
}

let ownRanges: readonly Ranges[] | undefined

function own(): readonly Ranges[] {
  ownRanges ??= Object.entries(rangesIn('@fontsource/nunito')).flatMap(([subset, ranges]) =>
    ownSubsets.includes(subset) ? [ranges] : [],
  )
  return ownRanges
}

const includes = (ranges: Ranges, code: number) => ranges.some(([first, last]) => first <= code && code <= last)

/** Of each subset of a package. */
function rangesIn(name: string): Record<string, Ranges> {
  const lists: Record<string, string> = JSON.parse(readFileSync(resolve(`${name}/unicode.json`), 'utf8'))
  return Object.fromEntries(
    Object.entries(lists).map(([subset, list]) => [subset, list.split(',').map(parseRange)] as const),
  )
}

/** `U+4E00` or `U+4E00-9FFF`. */
function parseRange(range: string): [number, number] {
  const [first = '', last = first] = range.replace(/^\s*U\+/i, '').split('-')
  return [Number.parseInt(first, 16), Number.parseInt(last, 16)]
}
