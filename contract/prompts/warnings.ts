/** Words of a story that have no effect on a model: ends that its text encoder cuts, and words it was not trained on. */
import type { StoryRequest } from '../story.ts'
import { framePrompts } from './frame-prompt.ts'
import { regionalPrompts } from './regional-prompts.ts'

/** What of a model and its abilities prompts are measured by. */
export interface PromptReader {
  readonly name: string
  readonly abilities: {
    readonly layout: 'columns' | 'free'
    readonly prompt_tokens: number
    readonly vocabulary: readonly string[] | null
    readonly stand_ins?: Readonly<Record<string, string>> | undefined
  }
}

/**
 * One sentence for each text, behind a JSON pointer (RFC 6901) to it. `tokensOf` counts the tokens of a word; whoever has
 * no tokenizer counts one for each, and then finds only what is cut for certain.
 */
export function promptWarnings(
  story: StoryRequest,
  model: PromptReader,
  tokensOf: (word: string) => number = () => 1,
): string[] {
  return [...cutPrompts(story, model, tokensOf), ...unknownWords(story, model)]
}

function cutPrompts(story: StoryRequest, model: PromptReader, tokensOf: (word: string) => number): string[] {
  const { prompt_tokens: room, layout } = model.abilities
  const byColumn = (story.consistency.layout ?? layout) === 'columns'
  const read = framePrompts(story).map((prompt) => {
    const regional = byColumn ? regionalPrompts(prompt) : null
    return (regional ?? [prompt]).map((segments) => segments.map(({ text }) => text).join(' '))
  })
  const said = (pointer: string, texts: readonly string[], what: string): string[] => {
    const ends = [...new Set(texts.flatMap((text) => cutEnd(text, room, tokensOf) ?? []))]
    if (ends.length === 0) return []
    return [
      `${pointer}: ${model.name} reads ${room} tokens of a prompt${what}; cut is "${ends.map(shortened).join('", "')}"`,
    ]
  }
  return [
    ...read.flatMap((texts, frame) => said(`/frames/${frame}/prompt`, texts, ', style and descriptions included')),
    ...said('/negative_prompt', story.negative_prompt === null ? [] : [story.negative_prompt], ''),
  ]
}

/** As CLIP's tokenizer cuts a text before it looks for tokens: contractions, runs of letters, digits, and other signs. */
const clipWords = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu

function cutEnd(text: string, room: number, tokensOf: (word: string) => number): string | null {
  let tokens = 0
  for (const { 0: word, index } of text.matchAll(clipWords)) {
    tokens += tokensOf(word)
    if (tokens > room) return text.slice(index).trim()
  }
  return null
}

const shortened = (text: string) => (text.length > 80 ? `${text.slice(0, 79).trimEnd()}…` : text)

/** Of each text at most so many are named. */
const mostNamed = 10

function unknownWords(story: StoryRequest, { name, abilities }: PromptReader): string[] {
  if (abilities.vocabulary === null) return []
  const words = new Set([...abilities.vocabulary, ...story.characters.flatMap((character) => wordsOf(character.name))])
  const standInOf = (word: string) => abilities.stand_ins?.[word.toLowerCase().replace(/['’]s$/, '')]
  const isKnown = (word: string) => words.has(word) || partsOf(word).every((part) => words.has(part))
  const listed = (all: readonly string[]) => {
    const first = all.filter((word, i) => all.findIndex((w) => w.toLowerCase() === word.toLowerCase()) === i)
    const more = first.length - mostNamed
    return `${first.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more words` : ''}`
  }
  const said = (pointer: string, text: string | null, mayName = false): string[] => {
    const given = (text ?? '').match(wordPattern) ?? []
    const unknown = given.filter(
      // A character of a bank may be named that the request does not have.
      (word) => !isKnown(word.toLowerCase()) && !(mayName && story.bank !== null && /^\p{Lu}/u.test(word)),
    )
    const drawn = unknown.filter((word) => standInOf(word) !== undefined)
    const ignored = unknown.filter((word) => standInOf(word) === undefined)
    return [
      ...(drawn.length
        ? [
            `${pointer}: ${name} cannot draw ${listed(drawn.map((word) => `"${word}" (it draws "${standInOf(word)}")`))}`,
          ]
        : []),
      ...(ignored.length ? [`${pointer}: ${name} does not know ${listed(ignored.map((word) => `"${word}"`))}`] : []),
    ]
  }
  return [
    ...said('/style', story.style),
    ...story.characters.flatMap(({ description }, c) => said(`/characters/${c}/description`, description)),
    ...story.frames.flatMap(({ prompt }, f) => said(`/frames/${f}/prompt`, prompt, true)),
    ...said('/negative_prompt', story.negative_prompt),
  ]
}

/** "wizard's" and "t-shirt" are one word each. */
const wordPattern = /[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*/gu

/** In lower case. */
const wordsOf = (text: string): string[] => text.toLowerCase().match(wordPattern) ?? []

/** The words that a compound is made of, without a possessive. */
const partsOf = (word: string): string[] => word.replace(/['’]s$/, '').split(/['’-]/)
