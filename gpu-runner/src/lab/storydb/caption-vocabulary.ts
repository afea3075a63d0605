/** The words that captions of some levels are made of, and what each stands for: the vocabulary.json of a model folder. */
import { join } from 'node:path'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import { captionFrame, captionStyle, captionText, describeIdentity } from './caption.ts'
import * as everyday from './everyday-words.ts'
import { pluralOf } from './everyday-writer.ts'
import { randomFrames } from './frames.ts'
import { LEVELS, type Level } from './levels.ts'
import { OPENERS } from './outside-words.ts'
import { standIns } from './stand-ins.ts'
import { ATTRIBUTES, type Attribute, isEveryday, VOCABULARY, valuesAt } from './vocabulary.ts'
import * as plain from './words.ts'

/** "attribute:value" by word; null for words that only lead from one to the next. */
export type CaptionVocabulary = Record<string, string | null>

/** What may be said of a value, before its colours and blanks are filled in. */
type Wording = { attribute: Attribute | 'colour'; value: string; phrases: readonly string[] }

/** Words of grammar, which stand for nothing by themselves. */
const grammar =
  `a an the and or but while then of to in on at by with without from for as it its it's he she his her him
  hers they them their we our us you your i my mine this that these those is are was were be been being am has have had
  having do does did doing who whose which what where when there here just not no very so really quite bit too also both
  all each other another one two three named called name next near beside into up down out off over under behind before
  after along around through across inside outside among between front middle left right centre center turned looking
  facing looks feels seems feeling wearing wears wear dressed has on holding holds still starts start loves love wants want
  begins begin keeps keep together itself himself herself s t some something someone any every much many more most same
  good full fresh late far way friend make makes making made take takes taking took
  little small old young big tiny light dark bright deep pale plain size colour color skin hair shot view seen picture`
    .split(/\s+/)
    .filter(Boolean)

/** Verbs that no table of an action has, in their four forms. */
const otherVerbs = [
  ...['put puts putting put', 'smile smiles smiling smiled', 'laugh laughs laughing laughed', 'cry cries crying cried'],
  ...['grin grins grinning grinned', 'look looks looking looked', 'wear wears wearing wore', 'see sees seeing saw'],
  ...[
    'love loves loving loved',
    'want wants wanting wanted',
    'keep keeps keeping kept',
    'begin begins beginning began',
  ],
  ...['start starts starting started', 'feel feels feeling felt', 'seem seems seeming seemed'],
].map((forms) => forms.split(' '))

/**
 * Of captions of any of `levels`, in alphabetical order. A verb of theirs is there in all its forms: who writes prompts does
 * not know that captions say "waves" and "waving" alone.
 */
export function captionVocabulary(levels: readonly Level[]): CaptionVocabulary {
  const meanings = new Map<string, Use[]>()
  for (const { attribute, value, phrases } of levels.flatMap((level) => wordings(level))) {
    const meaning = `${attribute}:${value}`
    for (const phrase of phrases) {
      const words = wordsOf(phrase)
      for (const [i, word] of words.entries()) {
        const known = meanings.get(word) ?? []
        const alone = words.length === 1
        const head = i === words.length - 1
        const same = known.find((other) => other.meaning === meaning)
        if (same) {
          same.alone ||= alone
          same.head ||= head
          same.phrases++
        } else known.push({ meaning, alone, head, phrases: 1 })
        meanings.set(word, known)
      }
    }
  }
  const openers = levels.some(isEveryday) ? OPENERS.flatMap(wordsOf) : []
  const words: CaptionVocabulary = Object.fromEntries([...grammar, ...openers].map((word) => [word, null]))
  for (const [word, all] of meanings) if (!grammar.includes(word)) words[word] = meaningOf(all)
  for (const forms of verbForms()) {
    const known = forms.filter((form) => Object.hasOwn(words, form))
    // The base alone may be a noun or an adjective: "a rest", "light".
    if (!known.some((form) => form !== forms[0])) continue
    const meaning = known.map((form) => words[form]).find((one) => one !== null) ?? null
    for (const form of forms) if (!Object.hasOwn(words, form)) words[form] = meaning
  }
  return Object.fromEntries(Object.entries(words).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function verbForms(): readonly (readonly string[])[] {
  const tables = [everyday.ACTION_VERBS, everyday.HOLDING_VERBS]
  return [...tables.flatMap((table) => Object.values(table).flat()).map(({ forms }) => forms), ...otherVerbs]
}

/**
 * Writes `vocabulary.json` into a model folder whose captions were of `levels`: what each word of StoryDB means, and how
 * those captions put it, or what comes nearest to it.
 */
export function writeCaptionVocabulary(folder: string, levels: readonly Level[]): void {
  const says = sayings(levels)
  const instead = Object.fromEntries(
    Object.entries(standIns).filter(([meaning, other]) => !(meaning in says) && other in says),
  )
  const words = captionVocabulary(LEVELS)
  const file = { words, captions: captionWords(levels), says, instead, someone: 'girl' }
  writeJsonSync(join(folder, 'vocabulary.json'), file, 1)
}

/** How captions of `levels` put each meaning that they draw: the plain wording, which is their most frequent. */
function sayings(levels: readonly Level[]): Record<string, string> {
  const all = levels.flatMap((level) => wordings(level, plainTables))
  const says = all.flatMap(({ attribute, value, phrases }) => {
    const action = attribute === 'action' ? plain.ACTION_WORDS[value as keyof typeof plain.ACTION_WORDS] : null
    return value === 'none' ? [] : [[`${attribute}:${value}`, action?.does[0] ?? phrases[0]!]]
  })
  return Object.fromEntries(says)
}

/** Of so many captions and descriptions of a level all words turn up. */
const sampled = 4000

function captionWords(levels: readonly Level[]): string[] {
  const words = new Set<string>()
  for (const level of levels)
    for (let i = 0; i < sampled; i++) {
      const [frame] = randomFrames(7, i, 1, { level, split: 'train' })
      const style = captionStyle(level)
      const caption = captionFrame(frame!, { variant: i, style, outside: false })
      const description = describeIdentity(frame!.actors[0]!.identity, i, { style, outside: false })
      for (const text of [caption, description].map(captionText)) for (const word of wordsOf(text)) words.add(word)
    }
  return [...words].sort()
}

/** Lower-case words of a text, as prompts are looked through for them: "wizard's" and "t-shirt" are one each. */
export const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? []

/** Of these a word says nothing that only goes before the one that does: a wizard is no hat. */
const things = /^(species|topType|bottomType|accessory|action|prop):/

interface Use {
  readonly meaning: string
  /** Whether the word alone is a phrase. */
  alone: boolean
  /** Whether a phrase ends with it: "hat" in "wizard hat". */
  head: boolean
  /** How many phrases of this meaning it occurs in. */
  phrases: number
}

/**
 * A word that says something by itself stands for that; one that is part of several phrases for what most of them mean,
 * or else for nothing.
 */
function meaningOf(all: readonly Use[]): string | null {
  const alone = all.filter((use) => use.alone)
  const candidates = alone.length ? alone : all.filter(({ head, meaning }) => head || !things.test(meaning))
  const colour = candidates.find(({ meaning }) => meaning.startsWith('colour:'))
  const phrases = candidates.reduce((sum, use) => sum + use.phrases, 0)
  const most = candidates.find((use) => 2 * use.phrases > phrases)
  return colour?.meaning ?? most?.meaning ?? null
}

function wordings(level: Level, tables: Tables = isEveryday(level) ? everydayTables : plainTables): Wording[] {
  return ATTRIBUTES.flatMap((attribute) =>
    valuesAt(attribute, level).flatMap((value) => {
      const phrases = tables[attribute]?.[value] ?? []
      // The same word may colour fur, hair and clothes.
      const name = /Colour$|^fur$/.test(attribute) ? 'colour' : attribute
      return phrases.length ? [{ attribute: name, value, phrases } satisfies Wording] : []
    }),
  )
}

type Tables = Partial<Record<Attribute, Readonly<Record<string, readonly string[]>>>>

const mapped = <T>(table: Readonly<Record<string, T>>, phrases: (entry: T) => readonly string[]) =>
  Object.fromEntries(Object.entries(table).map(([value, entry]) => [value, phrases(entry)]))

const verbPhrases = (verbs: readonly everyday.Verb[]) => verbs.flatMap(({ forms, after }) => [...forms, ...after])

const deeds = new Set(Object.values(everyday.ACTION_VERBS).flatMap((verbs) => verbs.flatMap(({ forms }) => forms)))

/** Verbs that say what is done with a thing say the thing only if they are said of nothing else. */
const handling = (verbs: readonly everyday.Verb[]) => verbPhrases(verbs).filter((phrase) => !deeds.has(phrase))

const garmentColours = mapped(everyday.CLOTH_COLOURS, (words) => words)
const sides = { left: ['left'], right: ['right'] }

const everydayTables: Tables = {
  species: mapped(everyday.SPECIES_NOUNS, (nouns) => [...nouns, ...nouns.map(pluralOf)]),
  fur: { ...everyday.FUR_ADJECTIVES, ...everyday.SKIN_PHRASES },
  hairStyle: mapped(everyday.HAIR_PHRASES, (phrases) => phrases.map((phrase) => phrase.replace('*', ''))),
  hairColour: everyday.HAIR_COLOURS,
  topType: everyday.TOP_NOUNS,
  topColour: garmentColours,
  topPattern: mapped(everyday.PATTERN_WORDS, ({ adjectives, tails }) => [...adjectives, ...tails]),
  bottomType: { ...everyday.BOTTOM_NOUNS, skirt: [...everyday.BOTTOM_NOUNS.skirt, ...everyday.DRESS_NOUNS] },
  bottomColour: garmentColours,
  accessory: everyday.ACCESSORY_NOUNS,
  accessoryColour: garmentColours,
  action: mapped(everyday.ACTION_VERBS, verbPhrases),
  expression: mapped(everyday.MOODS, ({ adjectives, adverbs, phrases, verbs }) => [
    ...adjectives,
    ...adverbs,
    ...phrases,
    ...verbs,
  ]),
  facing: sides,
  place: mapped(everyday.PLACES, ({ prepositions, nouns, fixed }) => [...prepositions, ...nouns, ...fixed]),
  time: everyday.TIMES,
  weather: everyday.WEATHER,
  view: mapped(everyday.VIEWS, ({ before, after }) => [...before, ...after]),
  prop: { ...mapped(everyday.HOLDING_VERBS, handling), ...everyday.STANDING_NOUNS },
}

const plainNames = (attribute: Attribute) => Object.fromEntries(VOCABULARY[attribute].map((value) => [value, [value]]))

const plainTables: Tables = {
  species: plain.SPECIES_WORDS,
  fur: { ...plainNames('fur'), ...plain.SKIN_WORDS },
  hairStyle: mapped(plain.HAIR_WORDS, (phrases) => phrases('')),
  hairColour: plainNames('hairColour'),
  topType: plain.TOP_WORDS,
  topColour: plainNames('topColour'),
  topPattern: { plain: ['plain'], striped: ['striped', 'with stripes'], dotted: ['dotted', 'polka dot', 'with dots'] },
  bottomType: plain.BOTTOM_WORDS,
  bottomColour: plainNames('bottomColour'),
  accessory: plain.ACCESSORY_WORDS,
  accessoryColour: plainNames('accessoryColour'),
  action: mapped(plain.ACTION_WORDS, ({ does, doing }) => [...does, ...doing]),
  expression: mapped(plain.EXPRESSION_WORDS, ({ adjectives, adverbs }) => [...adjectives, ...adverbs]),
  facing: sides,
  place: plain.PLACE_WORDS,
  time: plain.TIME_WORDS,
}
