/** Who somebody is, in everyday words: kind, colour, hair, clothes and name. */
import { articleOf, type Draft, listed, say } from './draft.ts'
import {
  ACCESSORY_NOUNS,
  BOTTOM_NOUNS,
  CLOTH_COLOURS,
  DRESS_NOUNS,
  FUR_ADJECTIVES,
  HAIR_COLOURS,
  HAIR_PHRASES,
  PATTERN_WORDS,
  SKIN_PHRASES,
  SPECIES_NOUNS,
  TOP_NOUNS,
} from './everyday-words.ts'
import { choose, plural, pluralOf, type Writer } from './everyday-writer.ts'
import { NAMES } from './outside-words.ts'
import type { Detail, Identity, Segment } from './types.ts'

export interface LooksOptions {
  character: number
  detail: Detail
  /** An adjective, or ''. */
  mood: string
  name?: string | undefined
  /** "she", "he" or "it". */
  pronoun: string
}

/** What is left open of an identity, so that a picture may show anything. */
type Stated = { colour: boolean; top: boolean; bottom: boolean; accessory: boolean }

export function pronounOf({ species }: Identity, { r }: Writer): string {
  return species === 'girl' ? 'she' : species === 'boy' ? 'he' : r.pick(['he', 'she', 'it'])
}

const possessives: Record<string, string> = { she: 'her', he: 'his', it: 'its' }
export const possessiveOf = (pronoun: string): string => possessives[pronoun]!

/** Returns whether the last sentence has been closed, so that the next clause needs a subject of its own. */
export function writeLooks(d: Draft, identity: Identity, options: LooksOptions, w: Writer): boolean {
  const { r } = w
  const stated = statedOf(options.detail, identity, w)
  const garments = clothes(d, identity, options, stated, w)
  const named = options.name ? r.pick(nameForms) : r.chance(0.06) ? 'sentence' : 'none'
  writeKind(d, identity, options, stated, named, w)
  const sentences = r.chance(named === 'sentence' ? 0.6 : 0.1)
  if (garments.length) {
    const { character, pronoun } = options
    if (sentences)
      d.segments.push(say('.'), { text: pronoun, character }, say(r.pick(['wears', 'has on', 'is wearing'])))
    else
      d.segments.push(say(r.pick(['wearing', 'wearing', 'in', 'dressed in', 'with', 'who wears', 'that is wearing'])))
    d.segments.push(...listed(r.chance(0.2) ? garments.toReversed() : garments))
  }
  if (w.outside(0.2)) d.segments.push(...outsideFeature(options, w))
  return named === 'sentence' || (sentences && garments.length > 0)
}

function statedOf(detail: Detail, { accessory }: Identity, { r }: Writer): Stated {
  if (detail === 'full') return { colour: true, top: true, bottom: true, accessory: true }
  if (detail === 'short') return { colour: r.chance(0.6), top: false, bottom: false, accessory: false }
  const top = r.chance(0.6)
  return { colour: r.chance(0.85), top, bottom: !top || r.chance(0.25), accessory: Boolean(accessory) && r.chance(0.6) }
}

const nameForms = ['apposition', 'apposition', 'mine', 'the', 'named', 'sentence'] as const

function writeKind(
  d: Draft,
  identity: Identity,
  { character, mood, name = '', pronoun }: LooksOptions,
  { colour }: Stated,
  form: (typeof nameForms)[number] | 'none',
  w: Writer,
): void {
  const { r } = w
  const { fur, hair } = identity
  const face = (text: string): Segment => ({ text, character, part: 'face' })
  const whole = (text: string): Segment => ({ text, character })
  const skin = SKIN_PHRASES[fur]
  const [kind, knownKind] = kindOf(identity, w)
  const furWord = colour && !skin ? furOf(identity, w) : ''
  const size = r.chance(0.12) ? r.pick(['little', 'small', 'young']) : ''
  const noun = [...adjectives(w, 0.3), mood, size, furWord, ...adjectives(w, 0.12), kind].filter(Boolean).join(' ')
  if (knownKind) d.mentions.add('species')
  if (furWord) d.mentions.add('fur')
  if (!hair && knownKind) for (const attribute of ['hairStyle', 'hairColour'] as const) d.mentions.add(attribute)
  const owner = r.pick(['my', 'my', 'our', 'his', 'her'])
  const determiner = r.chance(0.68) ? articleOf(noun) : r.pick(['the', 'the', 'the', owner, 'this', 'one'])
  if (form === 'apposition') d.segments.push(whole(name), say(','), say(articleOf(noun)), face(noun))
  else if (form === 'mine') {
    const other = r.pick(SPECIES_NOUNS[identity.species])
    d.segments.push(whole(`${owner} ${knownKind ? other : kind} ${name}`))
    if (r.chance(0.7) || furWord || mood) d.segments.push(say(','), say(articleOf(noun)), face(noun))
  } else if (form === 'the') d.segments.push(whole(name), say('the'), face(noun))
  else if (form === 'named')
    d.segments.push(say(determiner), face(noun), whole(`${r.pick(['named', 'called'])} ${name}`))
  else if (form === 'sentence')
    d.segments.push(whole(!name || r.chance(0.4) ? pronoun : name), say(`is ${articleOf(noun)}`), face(noun))
  else if (r.chance(0.03)) d.segments.push(say('one of the'), face(pluralOf(noun)))
  else d.segments.push(say(determiner), face(noun))
  const looks: string[] = []
  if (skin && colour && (w.certain || r.chance(hair ? 0.6 : 1))) {
    looks.push(r.pick(skin))
    d.mentions.add('fur')
  }
  if (hair && (colour || r.chance(0.5))) {
    const tint = choose(r, HAIR_COLOURS[hair.colour])
    const styled = w.certain || r.chance(0.65)
    looks.push(styled ? r.pick(HAIR_PHRASES[hair.style]).replace('*', tint) : `${tint} hair`)
    d.mentions.add('hairColour')
    if (styled) d.mentions.add('hairStyle')
  }
  if (looks.length) d.segments.push(say('with'), face(looks.join(' and ')))
}

/** What somebody is called by kind, and whether it says which: "someone" or a beast that StoryDB lacks says nothing. */
function kindOf({ species }: Identity, w: Writer): [kind: string, known: boolean] {
  const kind = choose(w.r, SPECIES_NOUNS[species])
  return !w.certain && w.outside(0.05) ? [w.words.creature(), false] : [kind, true]
}

function furOf({ species, fur }: Identity, { r }: Writer): string {
  if (species === 'fox' && fur === 'orange' && r.chance(0.15)) return 'red'
  return choose(r, FUR_ADJECTIVES[fur]!)
}

/** None, one or two adjectives that change nothing. */
function adjectives(w: Writer, probability: number): string[] {
  const found: string[] = []
  while (found.length < 2 && w.outside(probability)) found.push(w.words.adjective())
  return found
}

/** "with a fluffy tail", "who loves cheese", ", the bravest knight of the village": words that stand for nothing. */
function outsideFeature({ character, pronoun }: LooksOptions, w: Writer): Segment[] {
  const { o, words } = w
  const colour = o.chance(0.25)
    ? o.pick(CLOTH_COLOURS[o.pick(['red', 'blue', 'green', 'yellow', 'purple'] as const)])
    : ''
  const thing = [o.chance(0.6) ? words.adjective() : '', colour, words.noun()].filter(Boolean).join(' ')
  const text = o.pick([
    `with ${articleOf(thing)} ${thing}`,
    `with ${plural(thing)}`,
    `and ${articleOf(thing)} ${thing}`,
    `who ${words.verb()[1]} ${plural(words.noun())}`,
    `, the ${words.adjective()} ${words.noun()} of the ${words.noun()}`,
    `from the ${words.noun()}`,
    `, ${words.adjective()} and ${words.adjective()}`,
    `and ${possessiveOf(pronoun)} ${thing}`,
    `with ${possessiveOf(pronoun)} ${words.noun()} ${o.pick(NAMES)}`,
  ])
  return [{ text, character }]
}

/** What is stated of top, bottom and accessory, each as a segment of its part. */
function clothes(
  d: Draft,
  { top, bottom, accessory }: Identity,
  { character, detail }: LooksOptions,
  stated: Stated,
  w: Writer,
): Segment[] {
  const { r } = w
  const garments: Segment[] = []
  const isDress =
    bottom.type === 'skirt' && bottom.colour === top.colour && stated.top && stated.bottom && r.chance(0.7)
  const note = (...attributes: Parameters<typeof d.mentions.add>[0][]) => {
    for (const attribute of attributes) d.mentions.add(attribute)
  }
  if (isDress) {
    garments.push({ text: garment(top.colour, top.pattern, choose(r, DRESS_NOUNS), true, w), character, part: 'upper' })
    note('topColour', 'topPattern', 'bottomType', 'bottomColour')
  } else {
    if (stated.top) {
      const coloured = w.certain || r.chance(0.92)
      const text = garment(coloured ? top.colour : undefined, top.pattern, choose(r, TOP_NOUNS[top.type]), true, w)
      garments.push({ text, character, part: 'upper' })
      note('topType', 'topPattern', ...(coloured ? (['topColour'] as const) : []))
    }
    if (stated.bottom) {
      const coloured = w.certain || r.chance(0.92)
      const noun = choose(r, BOTTOM_NOUNS[bottom.type])
      const text = garment(coloured ? bottom.colour : undefined, 'plain', noun, bottom.type === 'skirt', w)
      garments.push({ text, character, part: 'lower' })
      note('bottomType', ...(coloured ? (['bottomColour'] as const) : []))
    }
  }
  if (accessory && stated.accessory) {
    const coloured = w.certain || r.chance(0.85)
    const noun = choose(r, ACCESSORY_NOUNS[accessory.type])
    const text = garment(coloured ? accessory.colour : undefined, 'plain', noun, accessory.type !== 'glasses', w)
    const part = accessory.type === 'scarf' || accessory.type === 'backpack' ? 'upper' : 'face'
    garments.push({ text, character, part })
    note('accessory', ...(coloured ? (['accessoryColour'] as const) : []))
  }
  // A caption that states all clothes states the accessory too: without one there is none.
  if (!accessory && detail === 'full') note('accessory', 'accessoryColour')
  return garments
}

/** "a cosy red striped shirt", "blue trousers". */
function garment(
  colour: keyof typeof CLOTH_COLOURS | undefined,
  pattern: Identity['top']['pattern'],
  noun: string,
  article: boolean,
  w: Writer,
): string {
  const { r } = w
  const tint = colour ? choose(r, CLOTH_COLOURS[colour]) : ''
  const { adjectives: marks, tails } = pattern === 'plain' ? { adjectives: [''], tails: [''] } : PATTERN_WORDS[pattern]
  const tailed = r.chance(0.3)
  const mark = tailed ? '' : r.pick(marks)
  const ordered = r.chance(0.6) ? [tint, mark] : [mark, tint]
  const phrase = [...adjectives(w, 0.12), ...ordered, noun, tailed ? r.pick(tails) : ''].filter(Boolean).join(' ')
  return article ? `${articleOf(phrase)} ${phrase}` : phrase
}
