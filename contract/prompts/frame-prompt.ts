/** From a story's prompts to what the text encoder reads: names give way to what the characters look like. */
import { castOfFrames, type FrameCast } from '../frame-cast.ts'
import type { StoryRequest } from '../story.ts'
import { describedParts } from './body-regions.ts'
import { nounPhrase, shortForm } from './description.ts'
import type { PromptSegment } from './segment.ts'

/**
 * For each frame its prompt, with style and cast put in. The first mention of a character becomes its description, later ones a
 * short form of it ("the gray fox"); a character that the frame lists but the prompt does not name is described at the
 * beginning.
 */
export function framePrompts(request: StoryRequest): PromptSegment[][] {
  const phrases = request.characters.map(({ name, description }) => nounPhrase(description, name))
  const style = request.style ? [{ text: `${request.style} ,` }] : []
  return castOfFrames(request).map((cast) => [...style, ...withDescriptions(cast, phrases)])
}

/** @param phrases of the whole cast. */
function withDescriptions({ characters, stretches }: FrameCast, phrases: readonly string[]): PromptSegment[] {
  const seen = new Set<number>()
  const written = stretches.flatMap(({ text, character }): PromptSegment[] => {
    if (character === undefined) return text.trim() === '' ? [] : [{ text: text.trim() }]
    const phrase = phrases[character]!
    if (seen.has(character)) return [{ text: shortForm(phrase), character }]
    seen.add(character)
    return describe(phrase, character)
  })
  const unnamed = characters
    .filter((character) => !seen.has(character))
    .flatMap((character) => [...describe(phrases[character]!, character), { text: ',' }])
  return [...unnamed, ...written]
}

/** A character's description as a noun phrase, cut where it goes from one part of the body to another. */
export function describe(phrase: string, character: number): PromptSegment[] {
  return describedParts(phrase).map((part) => ({ ...part, character }))
}
