/** Running text set as books set it: lines of even length, and no lonely word in the last one. */
import type { SKRSContext2D } from '@napi-rs/canvas'
import { graphemes, wordsOf } from './fonts.ts'

/** A last line shorter than this share of the width is avoided where it can be. */
const LONELY = 0.3

/** A word with what follows it up to the next. Widths are in the context's units. */
export interface Word {
  readonly text: string
  readonly width: number
  /** Of the blanks at its end, which count within a line only. */
  readonly space: number
}

/** The words of a paragraph in the context's font, none wider than `most`: longer ones are cut. */
export function measuredWords(context: SKRSContext2D, paragraph: string, most: number): Word[] {
  return wordsOf(paragraph).flatMap((text) => {
    const word = measured(context, text)
    return word.width <= most ? [word] : pieces(context, text, most)
  })
}

function measured(context: SKRSContext2D, text: string): Word {
  const width = context.measureText(text.trimEnd()).width
  return { text, width, space: /\s$/.test(text) ? context.measureText(text).width - width : 0 }
}

function pieces(context: SKRSContext2D, word: string, most: number): Word[] {
  const found: Word[] = []
  let piece = { text: '', width: 0, space: 0 }
  for (const letter of graphemes(word)) {
    const longer = measured(context, piece.text + letter)
    if (piece.text !== '' && longer.width > most) {
      found.push(piece)
      piece = measured(context, letter)
    } else piece = longer
  }
  return [...found, piece]
}

/**
 * Break words into as few lines of at most `width` as they take, and among those ways into the most even one: the sum of
 * the squares of what is left of each line is least (after Knuth and Plass, *Breaking Paragraphs into Lines*, 1981).
 * `isBalanced` counts the last line too, as suits a few centred lines.
 *
 * @param indent of the first line.
 */
export function breakLines(words: readonly Word[], width: number, isBalanced: boolean, indent = 0): string[] {
  /** For the words from `i` on: the best way to set them, and where its second line begins. */
  const best = words.map(() => ({ cost: Number.POSITIVE_INFINITY, next: words.length }))
  best.push({ cost: 0, next: words.length })
  for (let i = words.length - 1; i >= 0; i--) {
    let used = i === 0 ? indent : 0
    for (let next = i + 1; next <= words.length; next++) {
      const word = words[next - 1]!
      used += word.width
      // A word alone in its line stays there: rounding must not leave it without one.
      if (used > width && next > i + 1) break
      const cost = costOf(used / width, { isFirst: i === 0, isLast: next === words.length }) + best[next]!.cost
      if (cost < best[i]!.cost) best[i] = { cost, next }
      used += word.space
    }
  }
  const lines: string[] = []
  for (let i = 0; i < words.length; i = best[i]!.next) lines.push(textOf(words.slice(i, best[i]!.next)))
  return lines

  function costOf(share: number, { isFirst, isLast }: { isFirst: boolean; isLast: boolean }): number {
    // One line more costs more than any raggedness.
    const line = 100
    if (isBalanced || !isLast) return line + (1 - share) ** 2
    return isFirst || share >= LONELY ? line : line + 4 * (LONELY - share)
  }
}

const textOf = (words: readonly Word[]): string =>
  words
    .map(({ text }) => text)
    .join('')
    .trimEnd()
