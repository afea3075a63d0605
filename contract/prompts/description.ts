/**
 * What is said of a character, as a noun phrase that can stand where a prompt has its name. People write sentences ("He is
 * a brown bear. He wears a hat."), possessives and names ("my dog Rex, a golden retriever").
 */
import { escaped } from '../mentions.ts'

/** @param name is left out of the phrase: a model knows what a dog is, not who Rex is. */
export function nounPhrase(description: string, name: string): string {
  const [first = '', ...more] = description.split(/[.!?]+(?:\s+|$)/u).filter(Boolean)
  const named = escaped(name)
  const head = first
    .replace(new RegExp(`^(?:he|she|it|they|this|that|${named})(?:['’]s| is| are| was)\\s+`, 'iu'), '')
    .replace(new RegExp(`,?\\s*\\b(?:named|called)\\s+${named}(?![\\p{L}\\p{N}])`, 'iu'), '')
    .replace(new RegExp(`(?<=\\p{Ll})\\s+${named}(?=,|$)`, 'u'), '')
    .replace(new RegExp(`^${named}(?:,\\s*|\\s+(?=the\\b))`, 'u'), '')
  const phrase = lowerFirst(head.trim()).replace(
    /^(?:my|our|your|his|her|its|their)\s+(?=(\p{L}))/iu,
    (_, next: string) => (/[aeiou]/i.test(next) ? 'an ' : 'a '),
  )
  return [phrase, ...more.map((sentence) => trait(sentence, named))].join('')
}

/** "The gray fox", for a character that has been described before. */
export function shortForm(phrase: string): string {
  const head = phrase.split(/\s*(?:,|\bwearing\b|\bdressed\b|\bwith\b|\bin\b|\bwho\b|\bthat\b)/i)[0]!.trim()
  return `the ${head.replace(/^(?:an?|the)\s+/i, '')}`
}

/** A further sentence about the character, as it goes on after the noun: "wearing a hat", "with a long tail". */
function trait(sentence: string, name: string): string {
  const who = `(?:and\\s+)?(?:he|she|it|they|${name})`
  const own = /^(?:his|her|its|their)\s+(.+?)\s+(?:is|are)\s+(.+)$/iu.exec(sentence)
  if (own) return ` with ${own[2]} ${own[1]}`
  const [, verb = '', rest = ''] =
    new RegExp(`^${who}\\s+(?:always\\s+|usually\\s+)?(\\p{L}+)\\s+(.+)$`, 'iu').exec(sentence) ?? []
  if (/^(?:wears?|is wearing)$/i.test(verb)) return ` wearing ${rest}`
  if (/^(?:has|have)$/i.test(verb)) return ` with ${rest}`
  if (/^(?:is|are)$/i.test(verb)) return /^wearing\b/i.test(rest) ? ` ${rest}` : `, ${rest}`
  return verb === '' ? `, ${lowerFirst(sentence)}` : `, who ${verb} ${rest}`
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)
