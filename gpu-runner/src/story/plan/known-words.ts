/**
 * Prompts in the words of a model that knows few. Such a model was trained on captions of a closed vocabulary; any other
 * word leads it astray, often to more characters than were asked for. Words that it was not trained on give way to those
 * that mean the same, or nearly the same, and the rest are left out with the words that only led to them.
 */
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'
import type { CaptionWords } from '../../engine/pipeline/vocabulary.ts'

interface Token {
  text: string
  readonly segment: number
  readonly character: number | undefined
  readonly kind: 'word' | 'sign'
  /** "place:forest"; undefined for words of grammar and for signs. */
  readonly meaning?: string | undefined
  /** Whether `text` is the model's own wording of a meaning, in place of a word that it was not trained on. */
  readonly said?: boolean
  /** Nothing that the model can read. */
  gone: boolean
}

const articles = new Set(
  'a an the this that these those my your his her its our their some another every each'.split(' '),
)
/** Prepositions, auxiliaries and verbs of having: they lead to something, and say nothing without it. */
const leads = new Set(
  `in on at by to of from near beside with into through under over along across behind between among inside outside
  around for as and or is are was were be been being am holds holding hold has have having carries carrying looks looking
  wearing wears dressed front top while during`.split(/\s+/),
)
const joins = new Set(['and', 'or', 'but', ',', ';', 'while'])

/** @returns the same prompt in words that captions of the model have; a character keeps at least one word. */
export function inKnownWords(prompt: readonly PromptSegment[], vocabulary: CaptionWords): PromptSegment[] {
  const tokens = prompt.flatMap((segment, s) => tokensOf(segment, s, vocabulary))
  mergeRepeats(tokens)
  for (const [i, token] of tokens.entries()) if (token.said && !token.gone) leadIn(tokens, i)
  const gaps = tokens.flatMap(({ gone, kind }, i) => (gone && kind === 'word' ? [i] : []))
  for (const i of gaps) dropLeads(tokens, i, vocabulary)
  tidy(tokens)
  return regrouped(prompt, tokens, vocabulary)
}

function tokensOf({ text, character }: PromptSegment, segment: number, vocabulary: CaptionWords): Token[] {
  return [...text.matchAll(/[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{N}]+/gu)].flatMap(
    ([found]): Token[] => {
      const word = found.toLowerCase()
      if (!/[\p{L}\p{N}]/u.test(word))
        return [{ text: found, segment, character, kind: 'sign', gone: !/^[,.;]$/.test(found) }]
      return partsIn(word, vocabulary).map((part) => tokenOf(part, { segment, character }, vocabulary))
    },
  )
}

/** "fox's" is a fox, and a compound that is not known by itself is its parts. */
function partsIn(word: string, { words, captions }: CaptionWords): string[] {
  const stem = word.replace(/['’]s$/, '')
  for (const whole of [word, stem]) if (captions.has(whole) || words.has(whole)) return [whole]
  return stem.split(/['’-]/)
}

function tokenOf(
  word: string,
  where: Pick<Token, 'segment' | 'character'>,
  { words, captions, says, instead }: CaptionWords,
): Token {
  const meaning = words.get(word) ?? undefined
  if (captions.has(word)) return { text: word, ...where, kind: 'word', meaning, gone: false }
  // A beast that is none of the cast, and that the model cannot draw, would become one more of another kind.
  const mayStandIn = where.character !== undefined || !meaning?.startsWith('species:')
  const nearest = meaning && (says.has(meaning) ? meaning : mayStandIn ? instead.get(meaning) : undefined)
  const text = nearest && says.get(nearest)
  if (!text) return { text: word, ...where, kind: 'word', meaning, gone: true }
  return { text, ...where, kind: 'word', meaning: nearest, said: true, gone: false }
}

/** "my dog, a golden retriever puppy" is one dog, and "kicks a ball" one action: of what is said twice one goes. */
function mergeRepeats(tokens: readonly Token[]): void {
  let last: Token | undefined
  // What a stand-in must not add to: places and hours that are there already, and a second action of a clause.
  const taken = new Set<string>()
  for (const token of tokens) {
    const kind = token.gone ? undefined : /^(?:place|time|action)/.exec(token.meaning ?? '')?.[0]
    const key = kind === 'action' ? `action in ${token.segment}` : token.meaning
    if (kind && key) {
      token.gone = token.said === true && taken.has(key)
      taken.add(key)
    }
    if (token.gone || articles.has(token.text)) continue
    const isSame = token.meaning !== undefined && token.meaning === last?.meaning
    if (isSame && isSpecies(token) && token.character === last!.character) last!.gone = true
    else if (isSame && (token.said || last?.said)) {
      const spare = token.said ? token : last!
      spare.gone = true
      if (spare === token) continue
    }
    // Only colours and a comma stand between a name's two nouns.
    if (!(last && isSpecies(last) && (isAdjective(token) || token.text === ','))) last = token
  }
}

/** A wording that begins with a preposition or is a verb replaces what led to the word that it stands for. */
function leadIn(tokens: readonly Token[], at: number): void {
  const { text, meaning = '' } = tokens[at]!
  const isAction = meaning.startsWith('action:')
  if (!isAction && !leads.has(text.split(' ')[0]!)) return
  for (let i = at - 1; i >= 0; i--) {
    const before = tokens[i]!
    if (before.gone) continue
    if (before.kind === 'sign' || before.text === 'and') return
    if (!articles.has(before.text) && !leads.has(before.text) && !isAdjective(before)) return
    before.gone = true
  }
}

const isAdjective = ({ meaning }: Token) => meaning?.startsWith('colour:') ?? false
/** "waves" and "waving", but not "hand". */
const isVerb = ({ text, meaning = '' }: Token, { says }: CaptionWords) =>
  meaning.startsWith('action:') && says.get(meaning)?.slice(0, 3) === text.slice(0, 3)
const isSpecies = ({ meaning }: Token) => meaning?.startsWith('species:') ?? false

/** What only led to a word that is gone goes too, unless the phrase goes on behind it: "a thick book" is a book. */
function dropLeads(tokens: readonly Token[], at: number, vocabulary: CaptionWords): void {
  const [next, afterNext] = tokens.slice(at + 1).filter(({ gone }) => !gone)
  const goesOn = next && next.kind === 'word' && !leads.has(next.text.split(' ')[0]!) && !articles.has(next.text)
  if (goesOn && !isVerb(next, vocabulary)) return
  for (let i = at - 1; i >= 0; i--) {
    const before = tokens[i]!
    if (before.gone) continue
    if (before.kind === 'sign') return
    const isArticle = articles.has(before.text) || isAdjective(before)
    if (!isArticle && !leads.has(before.text)) return
    // "wearing a helmet and a scarf" is still wearing a scarf.
    const isMore = next && joins.has(next.text) && afterNext?.character === before.character
    if (!isArticle && isMore && !joins.has(before.text)) {
      next.gone = true
      return
    }
    before.gone = true
  }
}

/** Signs and joining words that stand at an end, or beside another, now that what they joined is gone. */
function tidy(tokens: readonly Token[]): void {
  let before: Token | undefined
  let isGap = true
  for (const token of tokens) {
    if (!token.gone && isGap && joins.has(token.text) && (!before || joins.has(before.text))) token.gone = true
    isGap = token.gone && (isGap || !before || token.kind === 'word')
    if (!token.gone) before = token
  }
  for (const token of tokens.filter(({ gone }) => !gone).reverse()) {
    if (!joins.has(token.text) && !leads.has(token.text) && !articles.has(token.text)) break
    token.gone = true
  }
}

function regrouped(prompt: readonly PromptSegment[], tokens: readonly Token[], { someone }: CaptionWords) {
  const left = tokens.filter(({ gone }) => !gone)
  for (const [i, { text }] of left.entries())
    if (text === 'a' || text === 'an') left[i]!.text = /^[aeiou]/.test(left[i + 1]?.text ?? '') ? 'an' : 'a'
  const texts = prompt.map((_, s) => left.flatMap(({ segment, text }) => (segment === s ? [text] : [])).join(' '))
  const described = new Set(prompt.flatMap(({ character }, s) => (texts[s] ? [character] : [])))
  return prompt.flatMap((segment, s): PromptSegment[] => {
    const { character } = segment
    if (texts[s]) return [{ ...segment, text: texts[s] }]
    if (character === undefined || described.has(character)) return []
    described.add(character)
    return [{ ...segment, text: someone }]
  })
}
