/**
 * Captions as people would write them. Each is a row of segments, so that training knows which words are about
 * which character and which part of it; segments meet at spaces, where tokenizers split anyway.
 */
import { articleOf, type Draft, draft, listed, say, withoutDoubleCommas } from './draft.ts'
import { everydayCaption, everydayDescription } from './everyday.ts'
import type { Level } from './levels.ts'
import { type Random, random } from './random.ts'
import type { Actor, Caption, Detail, Frame, Identity, Scene, Segment } from './types.ts'
import { type Attribute, isEveryday } from './vocabulary.ts'
import {
  ACCESSORY_WORDS,
  ACTION_WORDS,
  BOTTOM_WORDS,
  EXPRESSION_WORDS,
  HAIR_WORDS,
  PLACE_WORDS,
  SKIN_WORDS,
  SPECIES_WORDS,
  TIME_WORDS,
  TOP_WORDS,
} from './words.ts'

export type CaptionOptions = {
  /** Picks wording, order and what is left out. */
  variant?: number
  /** Names of the characters, put before what they are; an undefined one stays nameless. */
  names?: readonly (string | undefined)[]
  /** How much is said of each identity, instead of what `variant` picks. */
  detail?: Detail
  style?: CaptionStyle
  /** Whether everyday captions carry words that stand for nothing, and slips of spelling; they do by default. */
  outside?: boolean
}

/** `plain` has the wording of levels 1 to 4, `everyday` that of people's prompts. */
export type CaptionStyle = 'plain' | 'everyday'

export const captionStyle = (level: Level): CaptionStyle => (isEveryday(level) ? 'everyday' : 'plain')

export const captionText = ({ segments }: Pick<Caption, 'segments'>): string =>
  segments.map(({ text }) => text).join(' ')

export function captionFrame(frame: Frame, options: CaptionOptions = {}): Caption {
  const { variant = 0, names = [], detail, style = 'plain', outside = true } = options
  if (style === 'everyday') return everydayCaption(frame, { variant, names, detail, outside })
  const r = random(variant, 77)
  const scene = draft()
  if (!r.chance(0.06)) writeScene(scene, frame.scene, r)
  const placed = frame.actors.length > 1 && r.chance(0.5)
  const characters = frame.actors.map((actor, i) => {
    const side = placed ? positionWords(i, frame.actors.length) : undefined
    return writeActor(actor, i, names[i], side, r, detail)
  })
  const clauses = characters.flatMap(({ segments }, i) =>
    i === 0 ? segments : [say(r.pick(['and', ',', ', and'])), ...segments],
  )
  const sceneFirst = scene.segments.length > 0 && r.chance(0.25)
  const segments = sceneFirst
    ? [...scene.segments, say(','), ...clauses]
    : [...clauses, ...(r.chance(0.2) && scene.segments.length ? [say(',')] : []), ...scene.segments]
  return {
    segments: withoutDoubleCommas(segments),
    mentions: characters.map(({ mentions }) => [...new Set([...mentions, ...scene.mentions])]),
  }
}

/** The identity phrase alone, as one writes a character's description; everything is stated. */
export function describeIdentity(
  identity: Identity,
  variant = 0,
  { style = 'plain', outside = true }: Pick<CaptionOptions, 'style' | 'outside'> = {},
): Caption {
  if (style === 'everyday') return everydayDescription(identity, { variant, outside })
  const description = draft()
  writeIdentity(description, identity, 0, random(variant, 78), 'full', '')
  return { segments: description.segments, mentions: [[...description.mentions]] }
}

/** Which attributes of character `character`, and of the scene, a caption states; it says nothing of the others. */
export function captionMentions(caption: Caption, character: number): readonly Attribute[] {
  const mentions = caption.mentions[character]
  if (!mentions) throw new RangeError(`captionMentions: character ${character} of ${caption.mentions.length}`)
  return mentions
}

/** One character and its action: "a happy gray fox wearing … waves", "a gray fox … , waving , looking happy", … */
function writeActor(
  actor: Actor,
  character: number,
  name: string | undefined,
  side: string | undefined,
  r: Random,
  given: Detail | undefined,
): Draft {
  const d = draft()
  const picked: Detail = r.chance(0.72) ? 'full' : r.chance(0.4) ? 'partial' : 'short'
  const detail = given ?? picked
  const of = (text: string): Segment => ({ text, character })
  const { adjectives, adverbs } = EXPRESSION_WORDS[actor.expression]
  const { does, doing } = ACTION_WORDS[actor.action]
  // Who sleeps has eyes shut and no mood to speak of.
  const mood = actor.action !== 'sleeping' && r.chance(0.88)
  const form = r.pick(['adjective', 'predicate', 'participle', 'looking', 'adverb', 'listed'] as const)
  if (side && r.chance(0.5)) {
    d.segments.push(of(side), say(','))
    side = undefined
  }
  if (name) d.segments.push(of(name.toLowerCase()), say(','))
  writeIdentity(d, actor.identity, character, r, detail, mood && form === 'adjective' ? r.pick(adjectives) : '')
  if (side) d.segments.push(of(side))
  if (name) d.segments.push(say(','))
  d.segments.push(...actionSegments())
  d.mentions.add('action')
  if (mood) d.mentions.add('expression')
  if (r.chance(0.12)) {
    d.segments.push(say(','), of(r.pick([`facing ${actor.facing}`, `looking to the ${actor.facing}`])))
    d.mentions.add('facing')
  }
  return d

  function actionSegments(): Segment[] {
    if (!mood || form === 'adjective') return r.chance(0.7) ? [of(r.pick(does))] : [say(','), of(r.pick(doing))]
    const adjective = r.pick(adjectives)
    if (form === 'predicate') return [of(`is ${adjective} and ${r.pick(does)}`)]
    if (form === 'participle') return [say(','), of(`${adjective} ,`), of(r.pick(doing))]
    if (form === 'looking') return [of(r.pick(does)), say(','), of(`looking ${adjective}`)]
    if (form === 'adverb') return [of(`${r.pick(does)} ${r.pick(adverbs)}`)]
    return [say(','), of(`${adjective} ,`), of(r.pick(does))]
  }
}

/** "a gray fox wearing a red striped shirt , blue shorts and a green crown"; `mood` is an adjective or ''. */
function writeIdentity(d: Draft, identity: Identity, character: number, r: Random, detail: Detail, mood: string): void {
  const { species, fur, hair, top, bottom, accessory } = identity
  const skin = SKIN_WORDS[fur]
  const coloured = detail !== 'short' || r.chance(0.5)
  const [, size = '', kind = ''] = /^(?:(little|small) )?(.*)$/.exec(r.pick(SPECIES_WORDS[species])) ?? []
  const noun = [mood, size, coloured && !skin ? fur : '', kind].filter(Boolean).join(' ')
  const face = (text: string): Segment => ({ text, character, part: 'face' })
  d.segments.push(say(detail === 'short' && r.chance(0.6) ? 'the' : articleOf(noun)), face(noun))
  d.mentions.add('species')
  if (coloured && !skin) d.mentions.add('fur')
  if (!hair) for (const attribute of ['hairStyle', 'hairColour'] as const) d.mentions.add(attribute)
  if (coloured && (skin || hair)) {
    const looks = [skin ? r.pick(skin) : '', hair ? r.pick(HAIR_WORDS[hair.style](hair.colour)) : ''].filter(Boolean)
    d.segments.push(say('with'), face(looks.join(' and ')))
    for (const attribute of ['fur', 'hairStyle', 'hairColour'] as const) d.mentions.add(attribute)
  }
  if (detail === 'short') return
  const topOnly = detail === 'partial' && r.chance(0.5)
  const clothes: Segment[] = []
  if (detail === 'full' || topOnly) {
    clothes.push({ text: topWords(top, r), character, part: 'upper' })
    for (const attribute of ['topType', 'topColour', 'topPattern'] as const) d.mentions.add(attribute)
  }
  if (detail === 'full' || !topOnly) {
    const garment = r.pick(BOTTOM_WORDS[bottom.type])
    const text = `${bottom.type === 'skirt' ? `${articleOf(bottom.colour)} ` : ''}${bottom.colour} ${garment}`
    clothes.push({ text, character, part: 'lower' })
    for (const attribute of ['bottomType', 'bottomColour'] as const) d.mentions.add(attribute)
  }
  if (accessory) {
    const article = accessory.type === 'glasses' ? '' : `${articleOf(accessory.colour)} `
    const text = `${article}${accessory.colour} ${r.pick(ACCESSORY_WORDS[accessory.type])}`
    const part = accessory.type === 'scarf' || accessory.type === 'backpack' ? 'upper' : 'face'
    clothes.push({ text, character, part })
  }
  // A caption that states the clothes states the accessory too: without one there is none.
  for (const attribute of ['accessory', 'accessoryColour'] as const) d.mentions.add(attribute)
  if (r.chance(0.2)) clothes.reverse()
  d.segments.push(say(r.pick(['wearing', 'wearing', 'in', 'dressed in', 'with'])), ...listed(clothes))
}

function topWords({ type, colour, pattern }: Identity['top'], r: Random): string {
  const garment = r.pick(TOP_WORDS[type])
  if (pattern === 'plain')
    return `${articleOf(colour)} ${r.chance(0.85) ? '' : 'plain '}${colour} ${garment}`.replace('an plain', 'a plain')
  const adjective = pattern === 'striped' ? 'striped' : r.pick(['dotted', 'polka dot'])
  const tail = pattern === 'striped' ? 'with stripes' : 'with dots'
  const phrase = r.pick([
    `${colour} ${adjective} ${garment}`,
    `${adjective} ${colour} ${garment}`,
    `${colour} ${garment} ${tail}`,
  ])
  return `${articleOf(phrase)} ${phrase}`
}

function writeScene(d: Draft, { place, time }: Scene, r: Random): void {
  d.segments.push(say(r.pick(PLACE_WORDS[place])))
  d.mentions.add('place')
  if (r.chance(time === 'day' ? 0.45 : 0.9)) {
    d.segments.push(say(r.pick(TIME_WORDS[time])))
    d.mentions.add('time')
  }
}

function positionWords(index: number, count: number): string {
  return index === 0 ? 'on the left' : index === count - 1 ? 'on the right' : 'in the middle'
}
