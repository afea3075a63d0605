/**
 * Captions as people write prompts for stories: by name or by kind, in one sentence or in several, with much or little
 * said, in words of all sorts, and with words that stand for nothing. Wording and outside words are drawn from streams
 * of their own, so that the same caption can be had with and without them.
 */
import { articleOf, type Draft, draft, say, withArticle, withoutDoubleCommas } from './draft.ts'
import { possessiveOf, pronounOf, writeLooks } from './everyday-looks.ts'
import { sceneDrafts, viewDrafts } from './everyday-scene.ts'
import { ACTION_VERBS, BESIDE, HOLDING_VERBS, MOODS, STANDING_NOUNS, type Verb } from './everyday-words.ts'
import { choose, everydayWriter, plural, type Writer } from './everyday-writer.ts'
import { NAMES, OPENERS, STYLES } from './outside-words.ts'
import { type Random, random } from './random.ts'
import type { Action, Actor, Caption, Detail, Frame, Identity, Segment } from './types.ts'

export interface EverydayOptions {
  variant: number
  names: readonly (string | undefined)[]
  detail: Detail | undefined
  outside: boolean
}

export function everydayCaption(frame: Frame, { variant, names, detail, outside }: EverydayOptions): Caption {
  const { actors } = frame
  const w = everydayWriter({ variant, outside, characters: actors.length })
  const { r } = w
  const { place, time } = sceneDrafts(frame.scene, w)
  const view = viewDrafts(frame.scene, w)
  const together =
    actors.length > 1 &&
    actors.every(({ action, prop }) => action === actors[0]!.action && prop === actors[0]!.prop) &&
    r.chance(0.7)
  const sides = actors.length > 1 && r.chance(0.4)
  const characters = actors.map((actor, i) =>
    writeActor(actor, w, {
      character: i,
      detail: detail ?? drawDetail(r, actors.length),
      name: names[i]?.toLowerCase() ?? (r.chance(0.25) ? r.pick(NAMES) : undefined),
      side: sides ? sideOf(i, actors.length, r) : '',
      deed: !together ? 'own' : i === actors.length - 1 ? 'shared' : 'none',
    }),
  )
  const clauses = characters.flatMap(({ segments }, i) =>
    i === 0 ? segments : [say(together ? 'and' : r.pick(['and', ',', ', and', 'while', '.', '. then'])), ...segments],
  )
  const [before, after] = [
    place.segments.length > 0 && r.chance(0.22) ? place : time.segments.length > 0 && r.chance(0.15) ? time : undefined,
    [place, time],
  ]
  const later = after.filter((part) => part !== before && part.segments.length > 0)
  if (r.chance(0.15)) later.reverse()
  const segments = [
    ...(w.outside(0.08) ? [say(`${w.o.pick(STYLES)} ,`)] : []),
    ...(w.outside(0.12) ? [say(`${w.o.pick(OPENERS)} ,`)] : []),
    ...(before ? [...before.segments, say(',')] : []),
    ...view.before.segments,
    ...clauses,
    ...later.flatMap((part) => [...(r.chance(0.15) ? [say(',')] : []), ...part.segments]),
    ...view.after.segments,
    ...(w.outside(0.1) ? [say(`, ${w.o.pick(STYLES)}`)] : []),
    ...(w.outside(0.06) ? [say(exclamation(w))] : []),
    ...(r.chance(0.25) ? [say(r.pick(['.', '.', '!']))] : []),
  ]
  const scenery = [place, time, view.before, view.after].flatMap(({ mentions }) => [...mentions])
  return misspelt(
    {
      segments: withoutDoubleCommas(segments),
      mentions: characters.map(({ mentions }) => [...new Set([...mentions, ...scenery])]),
    },
    outside ? random(variant, 93) : undefined,
  )
}

/** The identity alone, as one writes a character's description; nothing is left open. */
export function everydayDescription(
  identity: Identity,
  { variant, outside }: Omit<EverydayOptions, 'names' | 'detail'>,
) {
  const w = everydayWriter({ variant, outside, characters: 1, certain: true })
  const d = draft()
  writeLooks(d, identity, { character: 0, detail: 'full', mood: '', pronoun: pronounOf(identity, w) }, w)
  return { segments: withoutDoubleCommas(d.segments), mentions: [[...d.mentions]] }
}

/** A frame's prompt about characters that are described elsewhere and called by `names`; nothing is left open. */
export function everydayPrompt(
  { actors, scene }: Frame,
  { variant, names, outside }: Omit<EverydayOptions, 'detail' | 'names'> & { names: readonly string[] },
): string {
  const w = everydayWriter({ variant, outside, characters: actors.length, certain: true })
  const { r } = w
  const { place, time } = sceneDrafts(scene, w)
  const view = viewDrafts(scene, w)
  const clauses = actors.flatMap((actor, i) => {
    const d = draft()
    const feeling =
      actor.action === 'sleeping' ? undefined : r.pick(['predicate', 'phrase', 'adverb', 'looking'] as const)
    const pronoun = pronounOf(actor.identity, w)
    const words = clause(actor, w, { feeling, silent: false, shared: false, subject: true, pronoun })
    d.segments.push(...(i ? [say('and')] : []), say(names[i]!), say(words))
    writeProp(d, actor, false, w)
    return d.segments
  })
  const opener = w.outside(0.2) ? [say(`${w.o.pick(OPENERS)} ,`)] : []
  const all = [opener, view.before.segments, clauses, place.segments, time.segments, view.after.segments].flat()
  return withoutDoubleCommas(all)
    .map(({ text }) => text)
    .join(' ')
    .replaceAll(' ,', ',')
}

/** Words against which guidance may push, and nothing of a picture: what a caption of nothing looks like. */
export function outsideCaption(variant: number): Segment[] {
  const { o, words } = everydayWriter({ variant, outside: true, characters: 1 })
  const pieces = Array.from({ length: 1 + Math.floor(o.next() * 6) }, () =>
    o.pick([() => o.pick(STYLES), words.adjective, words.noun, () => `${words.adjective()} ${words.noun()}`])(),
  )
  return [say(pieces.join(' , '))]
}

function exclamation({ words }: Writer): string {
  return `. what ${withArticle(`${words.adjective()} ${words.noun()}`)}`
}

/** `count` or a few more words that stand for nothing, as they may follow a prompt. */
export function fillerWords(variant: number, count: number): string {
  const w = everydayWriter({ variant, outside: true, characters: 1 })
  const pieces: string[] = []
  while (pieces.join(' ').split(' ').filter(Boolean).length < count)
    pieces.push(outsideTail({ ...w, outside: () => true }, 'it').trim())
  return pieces.join(' ')
}

function drawDetail(r: Random, characters: number): Detail {
  const full = characters === 1 ? 0.45 : characters === 2 ? 0.3 : 0.15
  return r.chance(full) ? 'full' : r.chance(0.45) ? 'partial' : 'short'
}

interface ActorOptions {
  character: number
  detail: Detail
  name: string | undefined
  side: string
  /** Whether this character's clause has a verb, and for how many. */
  deed: 'own' | 'shared' | 'none'
}

function writeActor(actor: Actor, w: Writer, { character, detail, name, side, deed }: ActorOptions): Draft {
  const { r } = w
  const d = draft()
  const of = (text: string): Segment => ({ text, character })
  const mood = MOODS[actor.expression]
  // Who sleeps has eyes shut and no mood to speak of.
  const felt = actor.action !== 'sleeping' && r.chance(deed === 'own' ? 0.72 : 0.3)
  const manner = r.pick(['adjective', 'predicate', 'phrase', 'adverb', 'verb', 'looking'] as const)
  const silent = deed === 'none' || (deed === 'own' && r.chance(0.07))
  const adjective = felt && (manner === 'adjective' || deed !== 'own')
  const pronoun = pronounOf(actor.identity, w)
  if (side && r.chance(0.5)) {
    d.segments.push(of(side), say(','))
    side = ''
  }
  const looks = { character, detail, mood: adjective ? r.pick(mood.adjectives) : '', name, pronoun }
  const closed = writeLooks(d, actor.identity, looks, w)
  if (side) d.segments.push(of(side))
  if (felt) d.mentions.add('expression')
  if (!silent || deed === 'none') d.mentions.add('action')
  if (deed === 'none') return d
  const subject = closed || r.chance(0.12) ? [say('.'), of(r.chance(0.75) || !name ? pronoun : name)] : []
  const feeling = felt && !adjective ? manner : undefined
  const words = clause(actor, w, { feeling, silent, shared: deed === 'shared', subject: subject.length > 0, pronoun })
  if (words) d.segments.push(...subject, ...(words.startsWith(',') ? [say(',')] : []), of(words.replace(/^, /, '')))
  writeProp(d, actor, silent, w)
  if (r.chance(0.1)) {
    d.segments.push(
      say(','),
      of(r.pick(['facing', 'looking', 'turned to the', 'looking to the']).concat(` ${actor.facing}`)),
    )
    d.mentions.add('facing')
  }
  return d
}

/** What stands beside somebody is scenery in words too; what is held is in the verb. */
function writeProp(d: Draft, { action, prop }: Actor, silent: boolean, { r, certain }: Writer): void {
  if (!prop) return
  if (action === 'holding' || action === 'hugging') {
    if (!silent) d.mentions.add('prop')
  } else if (prop in STANDING_NOUNS && (certain || r.chance(0.88))) {
    const noun = choose(r, STANDING_NOUNS[prop as keyof typeof STANDING_NOUNS])
    d.segments.push(say(`${r.pick(BESIDE)} ${r.pick([articleOf(noun), articleOf(noun), 'the'])} ${noun}`))
    d.mentions.add('prop')
  }
}

function verbsOf({ action, prop }: Actor): readonly Verb[] {
  if (action === 'holding' && prop && prop in HOLDING_VERBS) return HOLDING_VERBS[prop as keyof typeof HOLDING_VERBS]
  if (action !== 'hugging' || prop !== 'teddy bear') return ACTION_VERBS[action]
  return ACTION_VERBS[action].slice(0, 2).map(({ forms }) => ({ forms, after: ['a teddy bear', 'a teddy'] }))
}

/** Who eats pizza eats, though there is ice cream in the picture: what the verb is about may be an outside word. */
const takers: ReadonlySet<Action> = new Set<Action>(['eating', 'drinking', 'hugging', 'painting', 'reading'])

interface ClauseOptions {
  feeling: 'predicate' | 'phrase' | 'adverb' | 'verb' | 'looking' | 'adjective' | undefined
  silent: boolean
  /** The verb is that of several. */
  shared: boolean
  /** A pronoun or name stands right before it. */
  subject: boolean
  pronoun: string
}

/** "waves", "is happy and waves", ", waving with a big smile", "loves to wave", … with outside words; may be ''. */
function clause(actor: Actor, w: Writer, { feeling, silent, shared, subject, pronoun }: ClauseOptions): string {
  const { r, words } = w
  const mood = MOODS[actor.expression]
  const is = r.pick(['is', 'is', 'is', 'feels', 'looks', 'seems', 'was'])
  const very = r.chance(0.2) ? r.pick(['very ', 'so ', 'really ', 'a bit ', 'quite ']) : ''
  if (silent) {
    const deed = w.outside(0.5) ? `${words.verb()[1]} the ${words.noun()}` : ''
    const state = feeling ? (feeling === 'verb' ? r.pick(mood.verbs) : `${is} ${very}${r.pick(mood.adjectives)}`) : ''
    return [state, deed].filter(Boolean).join(' and ')
  }
  const verbs = verbsOf(actor)
  const verb = r.chance(0.5) ? verbs[0]! : r.pick(verbs)
  const object = takers.has(actor.action) && !actor.prop && w.outside(0.25) ? words.noun() : ''
  const done = object ? { ...verb, after: [withArticle(object), object] } : verb
  const said = shared ? sharedVerb(done, r) : verbPhrase(done, r, subject)
  const before = w.outside(0.14) && !said.startsWith(',') ? `${words.adverb()} ` : ''
  const deed = `${before}${said}${outsideTail(w, pronoun)}`
  const ing = said.startsWith(',')
  if (!feeling || feeling === 'adjective') return deed
  if (feeling === 'predicate' && !ing) return `${is} ${very}${r.pick(mood.adjectives)} and ${deed}`
  if (feeling === 'verb' && !ing)
    return r.chance(0.5) ? `${r.pick(mood.verbs)} and ${deed}` : `${deed} and ${r.pick(mood.verbs)}`
  if (feeling === 'adverb')
    return ing || r.chance(0.6) ? `${deed} ${r.pick(mood.adverbs)}` : `${r.pick(mood.adverbs)} ${deed}`
  if (feeling === 'phrase') return `${deed} ${r.pick(mood.phrases)}`
  return `${deed} , ${r.chance(0.5) ? 'looking' : 'feeling'} ${very}${r.pick(mood.adjectives)}`
}

function verbPhrase({ forms: [base, third, ing, past], after }: Verb, r: Random, subject: boolean): string {
  const form = r.pick([third, third, third, third, `is ${ing}`, `is ${ing}`, base, past, `was ${ing}`, '*', ','])
  const rest = r.pick(after)
  const verb =
    form === '*'
      ? r.pick([`starts to ${base}`, `loves to ${base}`, `wants to ${base}`, `begins ${ing}`, `keeps ${ing}`])
      : form === ','
        ? subject
          ? `is ${ing}`
          : `, ${ing}`
        : form
  return rest ? `${verb} ${rest}` : verb
}

/** "wave", "both wave", "are waving together": of several, after the last of them. */
function sharedVerb({ forms: [base, , ing], after }: Verb, r: Random): string {
  const rest = r.pick(after)
  const verb = r.pick([base, base, `are ${ing}`, `both ${base}`, `all ${base}`])
  return [verb, rest, r.chance(0.2) ? 'together' : ''].filter(Boolean).join(' ')
}

/** After a verb: somebody else is talked of, and is not in the picture. */
function outsideTail(w: Writer, pronoun: string): string {
  if (!w.outside(0.25)) return ''
  const { o, words } = w
  const own = possessiveOf(pronoun)
  const [, third, ing] = words.verb()
  const tails = [
    ` ${words.adverb()}`,
    ' to everyone',
    ` for the ${words.noun()}`,
    ` like ${withArticle(`${words.adjective()} ${words.noun()}`)}`,
    ` with ${own} ${words.adjective()} ${words.noun()}`,
    ` and ${third} the ${words.noun()}`,
    ` while ${ing} ${withArticle(`${words.adjective()} ${words.noun()}`)}`,
    ` because ${pronoun} ${third} ${plural(words.noun())}`,
    ` before ${ing} ${own} ${words.noun()}`,
  ]
  return o.pick(tails)
}

const sideOf = (index: number, count: number, r: Random): string => {
  const side = index === 0 ? 'left' : index === count - 1 ? 'right' : 'middle'
  return side === 'middle' ? r.pick(['in the middle', 'in the centre', 'in the center']) : `on the ${side}`
}

/** One caption in twenty has a slip in a long word: a letter left out, doubled or changed for its neighbour. */
function misspelt(caption: Caption, r: Random | undefined): Caption {
  if (!r?.chance(0.05)) return caption
  const long = caption.segments.flatMap(({ text }, s) =>
    text.split(' ').flatMap((word, i) => (/^[a-z]{5,}$/.test(word) ? [{ s, i }] : [])),
  )
  if (!long.length) return caption
  const { s, i } = r.pick(long)
  const segments = caption.segments.map((segment, at) => {
    if (at !== s) return segment
    const parts = segment.text.split(' ')
    parts[i] = slip(parts[i]!, r)
    return { ...segment, text: parts.join(' ') }
  })
  return { ...caption, segments }
}

function slip(word: string, r: Random): string {
  const at = 1 + Math.floor(r.next() * (word.length - 2))
  const [a, b] = [word[at]!, word[at + 1]!]
  return word.slice(0, at) + r.pick([b, a + a + b, b + a]) + word.slice(at + 2)
}
