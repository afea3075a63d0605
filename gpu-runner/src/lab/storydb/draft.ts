/** Segments in the making: what they state is noted as they are written. */
import type { Segment } from './types.ts'
import type { Attribute } from './vocabulary.ts'

export type Draft = { segments: Segment[]; mentions: Set<Attribute> }

export const draft = (): Draft => ({ segments: [], mentions: new Set() })

/** A segment that names no character. */
export const say = (text: string): Segment => ({ text })

export const articleOf = (phrase: string): string => (/^[aeiou]/.test(phrase) ? 'an' : 'a')

export const withArticle = (phrase: string): string => `${articleOf(phrase)} ${phrase}`

/** "x", "x and y", "x , y and z". */
export function listed(items: readonly Segment[]): Segment[] {
  return items.flatMap((item, i) => {
    if (i === 0) return [item]
    return [say(i === items.length - 1 ? 'and' : ','), item]
  })
}

/** Clauses bring their own commas, so two may meet. */
export function withoutDoubleCommas(segments: readonly Segment[]): Segment[] {
  return segments.filter(
    ({ text }, i) => !(text.startsWith(',') && segments[i - 1]?.text.endsWith(',')) || text.length > 1,
  )
}
