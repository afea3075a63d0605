/** Fonts for captions, which come with the package so that a machine without any gives the same picture. */

import { createRequire } from 'node:module'
import { GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas'

const { resolve } = createRequire(import.meta.url)

/** Each file holds some of the scripts; a stack of families finds the glyph. Other scripts come from the system. */
const files = [
  ...['latin', 'latin-ext', 'cyrillic', 'vietnamese'].flatMap((script) => [
    { family: `Nunito ${script}`, file: `nunito/files/nunito-${script}-600-normal.woff2` },
    { family: `Nunito ${script}`, file: `nunito/files/nunito-${script}-800-normal.woff2` },
  ]),
  ...['latin', 'latin-ext', 'hebrew'].map((script) => ({
    family: `Fredoka ${script}`,
    file: `fredoka/files/fredoka-${script}-600-normal.woff2`,
  })),
]

let stacks: { text: string; title: string } | undefined

/** A CSS font for running text, semibold or extra bold. */
export const textFont = (size: number, weight: 600 | 800 = 600): string => `${weight} ${size}px ${families().text}`

/** A CSS font for headings, round and friendly. */
export const titleFont = (size: number): string => `600 ${size}px ${families().title}`

function families(): { text: string; title: string } {
  if (stacks) return stacks
  for (const { family, file } of files) {
    const path = resolve(`@fontsource/${file}`)
    if (!GlobalFonts.registerFromPath(path, family)) throw new Error(`${path} cannot be read as a font`)
  }
  const names = [...new Set(files.map(({ family }) => family))]
  const quoted = (order: string[]) => order.map((name) => `"${name}"`).join(', ')
  const [nunito, fredoka] = ['Nunito', 'Fredoka'].map((font) => names.filter((name) => name.startsWith(font)))
  return (stacks = { text: quoted([...nunito!, 'Fredoka hebrew']), title: quoted([...fredoka!, ...nunito!]) })
}

/**
 * Break `text` into at most `maxLines` lines of `width` pixels in the context's font: between words, within a word only
 * if it is longer than a line. What does not fit ends in an ellipsis.
 */
export function wrap(context: SKRSContext2D, text: string, width: number, maxLines: number): string[] {
  const fits = (line: string) => context.measureText(line).width <= width
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (fits(longer)) {
      line = longer
      continue
    }
    if (line !== '') lines.push(line)
    line = ''
    for (const character of graphemes(word)) {
      if (line !== '' && !fits(line + character)) {
        lines.push(line)
        line = ''
      }
      line += character
    }
    // One line more than may be shown is enough to know that some are left out.
    if (lines.length > maxLines) break
  }
  if (line !== '') lines.push(line)
  if (lines.length <= maxLines) return lines
  const kept = graphemes(lines[maxLines - 1]!)
  while (kept.length > 0 && !fits(`${kept.join('')}…`)) kept.pop()
  return [...lines.slice(0, maxLines - 1), `${kept.join('').trimEnd()}…`]
}

const segmenter = new Intl.Segmenter()

/** What a reader sees as one character stays together: accents, families of emoji. */
const graphemes = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment)
