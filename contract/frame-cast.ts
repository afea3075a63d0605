/**
 * Who is in each frame of a story: those whom the frame lists, or else those whom its prompt calls by name. A prompt that
 * calls nobody but begins with a pronoun ("Then she waves", "They run") is about whoever the frame before shows: all of them
 * for a plural, the first of them for a singular. `characters` of a frame says otherwise.
 */
import { z } from 'zod'
import { nameKey, type PromptStretch, splitAtMentions } from './mentions.ts'

export interface CastStory {
  readonly characters: readonly { readonly id: string; readonly name: string }[]
  readonly frames: readonly { readonly prompt: string; readonly characters?: readonly string[] | undefined }[]
}

export interface FrameCast {
  /** Places in the cast: in the order in which the prompt calls them, then those who are only listed. */
  readonly characters: readonly number[]
  /** The prompt. Where it stands for several, a pronoun is one stretch for each, joined by "and". */
  readonly stretches: readonly PromptStretch[]
  /** The pronoun that stands for them, as the prompt has it; null when names do, or nobody is in it. */
  readonly pronoun: string | null
}

/** One for each frame. */
export function castOfFrames({ characters, frames }: CastStory): FrameCast[] {
  const casts: FrameCast[] = []
  let before: readonly number[] = []
  for (const frame of frames) {
    const listed = frame.characters && characters.flatMap(({ id }, c) => (frame.characters!.includes(id) ? [c] : []))
    const cast = castOf(frame.prompt, characters, listed, before)
    if (cast.characters.length > 0) before = cast.characters
    casts.push(cast)
  }
  return casts
}

/** @param before who is in the last frame that shows anybody. */
function castOf(
  prompt: string,
  cast: CastStory['characters'],
  listed: readonly number[] | undefined,
  before: readonly number[],
): FrameCast {
  const sought = cast.map(({ name }, c) => (!listed || listed.includes(c) ? name : null))
  const stretches = splitAtMentions(prompt, sought)
  const named = [...new Set(stretches.flatMap(({ character }) => character ?? []))]
  const others = (listed ?? []).filter((c) => !named.includes(c))
  if (named.length > 0) return { characters: [...named, ...others], stretches, pronoun: null }
  const known = before.length > 0 ? before : cast.map((_, c) => c)
  const [, lead = '', pronoun = ''] = subject.exec(prompt) ?? []
  const meant = pronoun === '' ? [] : antecedents(pronoun, listed ?? known, listed !== undefined || before.length > 0)
  if (meant.length === 0) return { characters: others, stretches, pronoun: null }
  const rest = prompt.slice(lead.length + pronoun.length)
  return {
    characters: [...meant, ...others.filter((c) => !meant.includes(c))],
    stretches: [
      ...(lead ? [{ text: lead }] : []),
      ...meant.flatMap((character, i) => [...(i > 0 ? [{ text: 'and' }] : []), { text: pronoun, character }]),
      ...(rest ? [{ text: rest }] : []),
    ],
    pronoun,
  }
}

const plural =
  'they all|they|both of them|both \\p{Ll}+s|both|all of them|everyone|everybody|the (?:two|three|four) of them'
/** "It rains" is about the weather. */
const singular = "he|she|it(?!['’]s\\b| is\\b| was\\b| rain| snow| gets\\b| grows\\b)"
/** What a prompt may begin with before its subject: "Then", "Later,". */
const lead = '(?:\\p{L}+,\\s+|(?:and|then|now|later|soon|next|suddenly|finally|meanwhile|afterwards)\\s+)?'
const subject = new RegExp(`^(${lead})(${plural}|${singular})(?![\\p{L}\\p{M}'’])`, 'iu')
const isPlural = new RegExp(`^(?:${plural})$`, 'iu')

/** @param clear whether a frame says who they are; a whole cast of several is not meant by "she". */
function antecedents(pronoun: string, known: readonly number[], clear: boolean): readonly number[] {
  if (isPlural.test(pronoun)) return known.length > 1 ? known : []
  return clear || known.length === 1 ? known.slice(0, 1) : []
}

/** A character in a frame, and the words of the prompt that say so. */
export const FrameMention = z.object({
  frame: z.int().min(0),
  character: z.string().describe('Its id in the story'),
  words: z.string().nullable().describe('A name or a pronoun, as the prompt has it; null where the frame lists it'),
})
export type FrameMention = z.infer<typeof FrameMention>

/** What was found where, frame by frame. */
export function mentionsIn(story: CastStory): FrameMention[] {
  return castOfFrames(story).flatMap(({ characters, stretches }, frame) =>
    characters.map((c) => ({
      frame,
      character: story.characters[c]!.id,
      words: stretches.find(({ character }) => character === c)?.text ?? null,
    })),
  )
}

/**
 * What is accepted about a cast and likely not what was meant; each begins with a JSON pointer (RFC 6901). Of a story whose
 * cast comes from a bank, some may well be in no frame.
 */
export function castWarnings(story: CastStory & { readonly bank?: unknown }): string[] {
  const { characters, frames } = story
  if (characters.length === 0) return []
  const casts = castOfFrames(story)
  const seen = new Set(casts.flatMap((cast) => cast.characters))
  const names = (places: readonly number[]) => places.map((c) => characters[c]!.name).join(' and ')
  return [
    ...characters.flatMap(({ id, name }, c) =>
      seen.has(c) || story.bank
        ? []
        : [
            `/characters/${c}: ${name} is in no frame; a prompt must name ${name}, or a frame list ${id} in its characters`,
          ],
    ),
    ...casts.flatMap(({ characters: present, pronoun }, f) => {
      const at = `/frames/${f}/prompt`
      if (pronoun !== null && !frames[f]!.characters)
        return [`${at}: "${pronoun}" is read as ${names(present)}; the frame's characters can say who is meant`]
      if (present.length > 0 || frames[f]!.characters) return []
      return [`${at}: names nobody of the cast; call them by name, or list them in the frame's characters`]
    }),
  ]
}

/** Places in the cast whose name another before them has, in whatever letters. */
export const sameNames = (names: readonly string[]): number[] => {
  const keys = names.map(nameKey)
  return keys.flatMap((key, i) => (keys.indexOf(key) < i ? [i] : []))
}
