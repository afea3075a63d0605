/** A finished story as a picture book: what it is called, how it is read, and what its pages say and show. */
import type { StoryRequest } from '../contract/story.ts'

interface BookPage {
  /** What the book says; paragraphs are parted by newlines. */
  readonly text: string
  /** What the picture shows, for those who do not see it. */
  readonly alt: string
}

export interface Book {
  readonly title: string
  /** BCP 47. `und` where the script does not tell. */
  readonly language: string
  readonly isRightToLeft: boolean
  readonly pages: readonly BookPage[]
}

/** Characters of a title that is made of what the first page says. */
const TITLE_LENGTH = 60

export function bookOf({ title, characters, frames }: Pick<StoryRequest, 'title' | 'characters' | 'frames'>): Book {
  const pages = frames.map(({ prompt, text = prompt }) => ({ text, alt: prompt }))
  const cast = characters.map(({ name }) => name).join(', ')
  const said = pages.map(({ text }) => text).join('\n')
  return {
    title: title ?? (cast || beginning(pages[0]?.text ?? '')),
    language: languageOf(`${title ?? ''}\n${said}`),
    isRightToLeft: isRightToLeft(said),
    pages,
  }
}

/** Whether the text begins in a script that is written from the right. */
export function isRightToLeft(text: string): boolean {
  const [letter = ''] = /\p{L}/u.exec(text) ?? []
  return /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(letter)
}

/** `Fern and the moon.pdf`: the title as a file name, without what Windows, macOS or Unix refuse in one. */
export function fileNameOf(title: string, extension: string): string {
  const plain = title.replace(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, ' ').replace(/\s+/g, ' ')
  const name = Array.from(plain.trim())
    .slice(0, 80)
    .join('')
    .replace(/[. ]+$/, '')
  return `${name || 'story'}.${extension}`
}

/** The first words of a text. */
function beginning(text: string): string {
  const [line = ''] = text.split('\n')
  if (line.length <= TITLE_LENGTH) return line
  const cut = line.slice(0, TITLE_LENGTH)
  return `${cut.slice(0, cut.lastIndexOf(' ') > 0 ? cut.lastIndexOf(' ') : cut.length)}…`
}

/** Languages that have a script to themselves, or nearly so. Kana come before ideographs, which Japanese uses too. */
const languages: readonly (readonly [script: RegExp, language: string])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/u, 'ja'],
  [/\p{Script=Hangul}/u, 'ko'],
  [/\p{Script=Han}/u, 'zh'],
  [/\p{Script=Hebrew}/u, 'he'],
  [/\p{Script=Arabic}/u, 'ar'],
  [/\p{Script=Greek}/u, 'el'],
  [/\p{Script=Thai}/u, 'th'],
  [/\p{Script=Georgian}/u, 'ka'],
  [/\p{Script=Armenian}/u, 'hy'],
  [/\p{Script=Tamil}/u, 'ta'],
  [/\p{Script=Telugu}/u, 'te'],
  [/\p{Script=Kannada}/u, 'kn'],
  [/\p{Script=Malayalam}/u, 'ml'],
  [/\p{Script=Gujarati}/u, 'gu'],
  [/\p{Script=Gurmukhi}/u, 'pa'],
  [/\p{Script=Bengali}/u, 'bn'],
  [/\p{Script=Devanagari}/u, 'hi'],
]

function languageOf(text: string): string {
  const [letter = ''] = /\p{L}/u.exec(text) ?? []
  // A foreign word in a text does not make its language, so the first letter decides; of ideographs, the whole.
  const part = /\p{Script=Han}/u.test(letter) ? text : letter
  return languages.find(([script]) => script.test(part))?.[1] ?? 'und'
}
