/** Where and when, in everyday words. */
import { type Draft, draft, say, withArticle } from './draft.ts'
import { PLACES, TIMES, VIEWS, WEATHER } from './everyday-words.ts'
import { choose, plural, type Writer } from './everyday-writer.ts'
import type { Scene } from './types.ts'

/** Phrases of a scene, to be put before or after what happens. */
export function sceneDrafts({ place, time, weather }: Scene, w: Writer): { place: Draft; time: Draft } {
  const { r } = w
  const [where, when] = [draft(), draft()]
  if (w.certain || !r.chance(0.08)) {
    where.segments.push(say(placeWords(place, w)))
    where.mentions.add('place')
  } else if (w.outside(0.5)) where.segments.push(say(`${w.o.pick(['at', 'in', 'near'])} the ${w.words.noun()}`))
  if (w.certain || r.chance(time === 'day' ? 0.35 : 0.88)) {
    when.segments.push(say(choose(r, TIMES[time])))
    when.mentions.add('time')
  }
  if (weather && (w.certain || r.chance(0.88))) {
    const phrase = say(choose(r, WEATHER[weather]))
    if (r.chance(0.5)) when.segments.push(phrase)
    else when.segments.unshift(phrase)
    when.mentions.add('weather')
  }
  return { place: where, time: when }
}

/** From how near a scene is seen, before or after all else; usual views go without saying. */
export function viewDrafts({ view }: Scene, { r, certain }: Writer): { before: Draft; after: Draft } {
  const [before, after] = [draft(), draft()]
  if (!view || !(certain || r.chance(0.85))) return { before, after }
  const first = r.chance(0.5)
  if (first) before.segments.push(say(choose(r, VIEWS[view].before)))
  else after.segments.push(say(`, ${choose(r, VIEWS[view].after)}`))
  ;(first ? before : after).mentions.add('view')
  return { before, after }
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
    `near ${withArticle(thing)}`,
    `full of ${plural(thing)}`,
    `with ${plural(thing)}`,
    `next to the ${words.noun()}`,
    'not far from here',
  ])
  return `${phrase.replace(/\ba (?=[aeiou])/, 'an ')} ${tail}`
}
