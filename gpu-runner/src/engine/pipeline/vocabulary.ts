/** `vocabulary.json` of a model folder, optional and read by this engine alone: the words that the model was trained on. */
import { z } from 'zod'

const Word = z.string().max(50)
const Meaning = z.string().max(100)

export const VocabularyFile = z.object({
  words: z.record(Word, Meaning.nullable()),
  captions: z.array(Word).optional(),
  says: z.record(Meaning, z.string().max(100)).default({}),
  instead: z.record(Meaning, Meaning).default({}),
  someone: z.string().max(100).default('someone'),
})

/** How captions of the model put things. */
export interface CaptionWords {
  /** By word, in lower case, what it means ("place:forest"); null for words of grammar. */
  readonly words: ReadonlyMap<string, string | null>
  /** Words of the captions that the model was trained on. */
  readonly captions: ReadonlySet<string>
  /** By meaning how captions put it: "in the forest". */
  readonly says: ReadonlyMap<string, string>
  /** By a meaning that the model has not learnt the nearest that it has. */
  readonly instead: ReadonlyMap<string, string>
  /** Somebody of whom nothing is known. */
  readonly someone: string
}

export interface ModelVocabulary {
  /** Words that mean something to the model, in lower case. */
  readonly known: readonly string[]
  /** By word of something that it cannot draw what it draws instead: "forest" for "park". */
  readonly standIns: Readonly<Record<string, string>>
  /** To put prompts into words of its captions; null where the file does not say how. */
  readonly captions: CaptionWords | null
}

export function vocabularyOf({
  words,
  captions,
  says,
  instead,
  someone,
}: z.infer<typeof VocabularyFile>): ModelVocabulary {
  const read = new Set(captions)
  const isSaid = (word: string, meaning: string | null) => meaning === null || meaning in says || read.has(word)
  const entries = Object.entries(words)
  return {
    known: entries.filter(([word, meaning]) => !captions || isSaid(word, meaning)).map(([word]) => word),
    standIns: Object.fromEntries(
      entries.flatMap(([word, meaning]) => {
        const other = isSaid(word, meaning) ? undefined : instead[meaning!]
        return other ? [[word, other.slice(other.indexOf(':') + 1)]] : []
      }),
    ),
    captions: captions
      ? {
          ...{ words: new Map(entries), captions: read, someone },
          ...{ says: new Map(Object.entries(says)), instead: new Map(Object.entries(instead)) },
        }
      : null,
  }
}
