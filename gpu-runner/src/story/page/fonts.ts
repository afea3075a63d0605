/** Fonts for captions, which come with the package so that a machine without any gives the same picture. */

import { createRequire } from 'node:module'
import { GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas'
import { isRightToLeft } from '../../../../books/book.ts'
import { type FontFile, filesFor } from './scripts.ts'

const { resolve } = createRequire(import.meta.url)

/** CSS fonts of one page. */
export interface PageFonts {
  /** Running text, semibold or extra bold. */
  text(size: number, weight?: 600 | 800): string
  /** Headings, round and friendly. */
  title(size: number): string
}

/** The page's own letters. Each file holds some of the scripts; a stack of families finds the glyph. */
const nunito = ['latin', 'latin-ext', 'cyrillic', 'vietnamese'].flatMap((script) =>
  [600, 800].map((weight) => own('Nunito', script, weight)),
)
const fredoka = ['latin', 'latin-ext', 'hebrew'].map((script) => own('Fredoka', script, 600))

/** Fonts with the characters of all `texts` of a page. What no font here has comes from the system. */
export function pageFonts(texts: readonly string[]): PageFonts {
  const others = filesFor(texts)
  for (const file of [...nunito, ...fredoka, ...others]) register(file)
  const text = stack([...nunito, ...others])
  const title = stack([...fredoka, ...nunito, ...others])
  return {
    text: (size, weight = 600) => `${weight} ${size}px ${text}`,
    title: (size) => `600 ${size}px ${title}`,
  }
}

function own(name: string, script: string, weight: number): FontFile {
  const folder = name.toLowerCase()
  return {
    family: `${name} ${script}`,
    path: resolve(`@fontsource/${folder}/files/${folder}-${script}-${weight}-normal.woff2`),
  }
}

const registered = new Set<string>()

function register({ family, path }: FontFile): void {
  if (registered.has(path)) return
  if (!GlobalFonts.registerFromPath(path, family)) throw new Error(`${path} cannot be read as a font`)
  registered.add(path)
}

const stack = (files: readonly FontFile[]): string => [...new Set(files.map(({ family }) => `"${family}"`))].join(', ')

/** One line between `x` and `x + width`, at the side where its script begins. */
export function fillLine(context: SKRSContext2D, text: string, x: number, y: number, width: number): void {
  const fromRight = isRightToLeft(text)
  context.direction = fromRight ? 'rtl' : 'ltr'
  context.textAlign = fromRight ? 'right' : 'left'
  context.fillText(text, fromRight ? x + width : x, y)
  context.direction = 'ltr'
  context.textAlign = 'left'
}

/**
 * Break `text` into at most `maxLines` lines of `width` pixels in the context's font: between words, also of scripts
 * that put no spaces between them, and within a word only if it is longer than a line. What does not fit ends in an
 * ellipsis.
 */
export function wrap(context: SKRSContext2D, text: string, width: number, maxLines: number): string[] {
  const fits = (line: string) => context.measureText(line.trimEnd()).width <= width
  const lines: string[] = []
  let line = ''
  const breakLine = () => {
    if (line.trim() !== '') lines.push(line.trimEnd())
    line = ''
  }
  for (const word of wordsOf(text)) {
    if (!fits(line + word)) breakLine()
    if (fits(word)) line += word
    else
      for (const character of graphemes(word)) {
        if (line !== '' && !fits(line + character)) breakLine()
        line += character
      }
    // One line more than may be shown is enough to know that some are left out.
    if (lines.length > maxLines) break
  }
  breakLine()
  if (lines.length <= maxLines) return lines
  const kept = graphemes(lines[maxLines - 1]!)
  while (kept.length > 0 && !fits(`${kept.join('')}…`)) kept.pop()
  return [...lines.slice(0, maxLines - 1), `${kept.join('').trimEnd()}…`]
}

const byWord = new Intl.Segmenter(undefined, { granularity: 'word' })

/** Words with the punctuation next to them and the space after them. */
export function wordsOf(text: string): string[] {
  const found: string[] = []
  let opening = ''
  for (const { segment, isWordLike } of byWord.segment(text.trim().replace(/\s+/g, ' '))) {
    if (/^[\p{Ps}\p{Pi}]$/u.test(segment)) opening += segment
    else if (isWordLike || opening !== '' || found.length === 0) {
      found.push(opening + segment)
      opening = ''
    } else if (/^\p{Extended_Pictographic}/u.test(segment)) found.push(segment)
    else found[found.length - 1] += segment
  }
  return opening === '' ? found : [...found, opening]
}

const byGrapheme = new Intl.Segmenter()

/** What a reader sees as one character stays together: accents, families of emoji. */
export const graphemes = (text: string): string[] => Array.from(byGrapheme.segment(text), ({ segment }) => segment)
