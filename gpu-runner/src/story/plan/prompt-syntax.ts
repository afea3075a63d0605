/**
 * How a prompt is written. 'plain': every character stands for itself. 'weighted': as in A1111's web UI, `(words)` counts
 * 1.1 times, `[words]` 1 / 1.1 times, `(words:1.3)` 1.3 times, all of it nested; `\(` is a bracket of the text; `BREAK`
 * begins a new chunk of the text encoder.
 */
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'

export type PromptSyntax = 'plain' | 'weighted'

/** A run of text of one weight, from one segment; a break has no text. */
export interface WeightedText {
  readonly segment: number
  readonly text: string
  readonly weight: number
  readonly isBreak?: true
}

const step = 1.1

/** In the order in which they count: escapes, brackets, `:1.3)`, and text up to the next of these. */
const token = /\\[()[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|\bBREAK\b|[^\\()[\]:B]+|:|B/g

/**
 * The texts of `segments` with their weights. Brackets may close in a later segment than they open in; one that is never
 * closed counts to the end, and one that was never opened is a bracket of the text.
 */
export function weightedTexts(segments: readonly PromptSegment[], syntax: PromptSyntax): WeightedText[] {
  if (syntax === 'plain') return segments.map(({ text }, segment) => ({ segment, text, weight: 1 }))
  const runs: { segment: number; text: string; weight: number; isBreak?: true }[] = []
  const open: { kind: '(' | '['; from: number }[] = []
  const close = (factor: number) => {
    const { from } = open.pop()!
    for (const run of runs.slice(from)) run.weight *= factor
  }
  for (const [segment, { text }] of segments.entries())
    for (const [part, number] of text.matchAll(token)) {
      const last = open.at(-1)?.kind
      if (part === '(' || part === '[') open.push({ kind: part, from: runs.length })
      else if (number !== undefined && last === '(' && Number.isFinite(Number(number))) close(Number(number))
      else if (part === ')' && last === '(') close(step)
      else if (part === ']' && last === '[') close(1 / step)
      else if (part === 'BREAK') runs.push({ segment, text: '', weight: 1, isBreak: true })
      else runs.push({ segment, text: part.length === 2 && part[0] === '\\' ? part[1]! : part, weight: 1 })
    }
  while (open.length > 0) close(open.at(-1)!.kind === '(' ? step : 1 / step)
  return joined(runs)
}

/** Neighbours of one segment and one weight as one text, so that no word is cut where nothing changes. */
function joined(runs: readonly WeightedText[]): WeightedText[] {
  const all: WeightedText[] = []
  for (const run of runs) {
    const before = all.at(-1)
    const same = before && !before.isBreak && !run.isBreak
    if (same && before.segment === run.segment && before.weight === run.weight)
      all[all.length - 1] = { ...before, text: before.text + run.text }
    else all.push(run)
  }
  return all
}
