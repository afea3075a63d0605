/** Where and when, in everyday words. */
import { type Draft, draft, say } from './draft.ts'
import { PLACES, TIMES } from './everyday-words.ts'
import { choose, plural, type Writer } from './everyday-writer.ts'
import type { Scene } from './types.ts'

/** Phrases of a scene, to be put before or after what happens. */
export function sceneDrafts({ place, time }: Scene, w: Writer): { place: Draft; time: Draft } {
  const { r } = w
  const [where, when] = [draft(), draft()]
  if (!r.chance(0.08)) {
    where.segments.push(say(placeWords(place, w)))
    where.mentions.add('place')
  } else if (w.outside(0.5)) where.segments.push(say(`${w.o.pick(['at', 'in', 'near'])} the ${w.words.noun()}`))
  if (r.chance(time === 'day' ? 0.35 : 0.88)) {
    when.segments.push(say(choose(r, TIMES[time])))
    when.mentions.add('time')
  }
  return { place: where, time: when }
}

function placeWords(place: Scene['place'], w: Writer): string {
  const { r, o, words } = w
  const { prepositions, nouns, fixed } = PLACES[place]
  const article = r.pick(['the', 'the', 'the', 'a', 'our', 'this'])
  const known = r.chance(fixed.length > 5 ? 0.5 : 0.3)
    ? r.pick(fixed)
    : `${r.pick(prepositions)} ${article} ${choose(r, nouns)}`
  const adjectives = [w.outside(0.25) && words.placeAdjective(), w.outside(0.1) && words.placeAdjective()]
  const seen = adjectives.filter(Boolean).join(' ')
  const phrase = seen ? known.replace(/\b(the|a|our|this) /, `$1 ${seen} `) : known
  if (!w.outside(0.15)) return phrase.replace(/\ba (?=[aeiou])/, 'an ')
  const thing = `${words.adjective()} ${words.noun()}`
  const tail = o.pick([
    `near a ${thing}`,
    `full of ${plural(thing)}`,
    `with ${plural(thing)}`,
    `next to the ${words.noun()}`,
    'far away',
  ])
  return `${phrase.replace(/\ba (?=[aeiou])/, 'an ')} ${tail}`
}
