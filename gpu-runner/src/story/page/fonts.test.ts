import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCanvas } from '@napi-rs/canvas'
import { isRightToLeft } from '../../../../books/book.ts'
import { pageFonts, wrap } from './fonts.ts'
import { filesFor } from './scripts.ts'
import { accents, faded, ink, matColour, papers } from './storyboard.ts'

/** How the pixels of `text` look when the page has fonts for `texts`. */
function look(text: string, texts: readonly string[], weight: 600 | 800 = 600): Buffer {
  const canvas = createCanvas(60, 40)
  const context = canvas.getContext('2d')
  context.font = pageFonts(texts).text(24, weight)
  context.fillText(text, 4, 28)
  return Buffer.from(context.getImageData(0, 0, 60, 40).data)
}

const samples = {
  Greek: 'αλεπού',
  Cyrillic: 'лисица',
  Armenian: 'աղվես',
  Georgian: 'მელა',
  Hebrew: 'שועל',
  Arabic: 'ثعلب',
  Persian: 'روباه',
  Urdu: 'لومڑی',
  Devanagari: 'लोमड़ी',
  Bengali: 'শিয়াল',
  Gurmukhi: 'ਲੂੰਬੜੀ',
  Gujarati: 'શિયાળ',
  Tamil: 'நரி',
  Telugu: 'నక్క',
  Kannada: 'ನರಿ',
  Malayalam: 'കുറുക്കൻ',
  Sinhala: 'නරියා',
  Thai: 'จิ้งจอก',
  Lao: 'ໝາ',
  Khmer: 'កញ្ជ្រោង',
  Burmese: 'မြေခွေး',
  Amharic: 'ቀበሮ',
  Japanese: 'キツネと狐',
  Korean: '여우',
  Simplified: '狐狸说话',
  Traditional: '狐狸說話龍',
  Emoji: '🦊🚀',
}

test('what people write has glyphs: no letter of any script looks like one that no font has', () => {
  const box = look('\u{10ffff}', [])
  for (const [script, word] of Object.entries(samples)) {
    for (const letter of new Set(word.match(/\p{L}|\p{Extended_Pictographic}/gu))) {
      for (const weight of [600, 800] as const) {
        const pixels = look(letter, [word], weight)
        assert.ok(!pixels.equals(box), `${script} ${letter} ${weight} is a box`)
        assert.ok(
          pixels.some((value) => value > 0),
          `${script} ${letter} ${weight} is blank`,
        )
      }
    }
  }
})

test('emoji have colours, in sequences too', () => {
  for (const emoji of ['🦊', '👩‍🚀', '🏳️‍🌈', '🇩🇪', '👍🏽']) {
    const pixels = look(emoji, [emoji])
    const coloured = pixels.some((red, i) => i % 4 === 0 && pixels[i + 3]! > 0 && red !== pixels[i + 2])
    assert.ok(coloured, emoji)
  }
})

test('an emoji of several characters is one picture in running text, and no line breaks within it', () => {
  const pen = createCanvas(1, 1).getContext('2d')
  const sequences = [
    '👨‍👩‍👧‍👦',
    '👩🏽‍🚀',
    '🧑🏽‍🤝‍🧑🏿',
    '🏳️‍⚧️',
    '🏴‍☠️',
    '🐻‍❄️',
    '👁️‍🗨️',
    '🏋️‍♀️',
    '👩‍❤️‍💋‍👨',
    '🇩🇪',
    '👍🏽',
    '1️⃣',
    '🏴󠁧󠁢󠁳󠁣󠁴󠁿',
  ]
  for (const between of ['Anna | walks', 'Анна|', 'ثعلب | روباه', 'लोमड़ी|लोमड़ी', '狐|狐。']) {
    const text = (emoji: string) => between.replace('|', emoji)
    const widthOf = (emoji: string, font: string) => {
      pen.font = font
      return pen.measureText(text(emoji)).width
    }
    for (const emoji of sequences) {
      const font = pageFonts([text(emoji)]).text(20)
      const difference = widthOf(emoji, font) - widthOf('🦊', font)
      assert.ok(Math.abs(difference) < 0.5, `${emoji} in ${between} is ${difference} wider than one emoji`)
    }
  }
  // The canvas paints the two parts of 🏳️‍🌈, ❤️‍🔥, ❤️‍🩹 and ⛓️‍💥 side by side; a line does not end between them.
  const all = [...sequences, '🏳️‍🌈', '❤️‍🔥', '❤️‍🩹', '⛓️‍💥']
  const line = `Foxes ${all.join('')} walk ${all.join(', ')}.`
  pen.font = pageFonts([line]).text(20)
  const count = (text: string, emoji: string) => text.split(emoji).length - 1
  for (const width of [24, 40, 60, 90, 200]) {
    const lines = wrap(pen, line, width, 999)
    for (const emoji of all) {
      const whole = lines.reduce((sum, one) => sum + count(one, emoji), 0)
      assert.equal(whole, count(line, emoji), `${emoji} at ${width}`)
    }
  }
})

test('a page takes only the files that it needs, and ideographs as its language writes them', () => {
  const families = (...texts: string[]) => filesFor(texts).map(({ family }) => family.replace(/ .*/, ''))
  assert.deepEqual(families('Fern and Bo', 'Łódź, Đà Nẵng, Лиса – “quotes”'), [])
  assert.deepEqual(new Set(families('狐')), new Set(['Noto-sc']))
  assert.deepEqual(new Set(families('狐', 'きつね')), new Set(['Noto-jp']))
  assert.deepEqual(new Set(families('여우 狐')), new Set(['Noto-kr']))
  assert.deepEqual(families('🦊 Fern'), ['Noto'])
  assert.deepEqual(families('🏳️‍🌈 Fern'), ['Noto'])
})

test('text without spaces breaks between words, and marks stay with theirs', () => {
  const pen = createCanvas(1, 1).getContext('2d')
  const text = '小さな狐が森の中で手を振っています。'
  pen.font = pageFonts([text]).text(20)
  const lines = wrap(pen, text, pen.measureText(text).width / 2.5, 9)
  assert.equal(lines.join(''), text)
  assert.ok(lines.length >= 3 && lines.every((line) => !line.startsWith('。')))
  assert.deepEqual([isRightToLeft('«ثعلب» fox'), isRightToLeft('12 foxes ثعلب')], [true, false])
})

test('names, descriptions and numbers of badges stand out at 4.5 : 1 and more', () => {
  const grain = papers.map((paper) => rgb(paper).map((value, c) => 0.95 * value + 0.05 * [120, 95, 60][c]!))
  for (const background of [...papers.map(rgb), ...grain, rgb(matColour)])
    for (const colour of [ink, faded, ...accents])
      assert.ok(contrast(rgb(colour), background) >= 4.5, `${colour} on ${background}`)
  for (const badge of accents) assert.ok(contrast([255, 255, 255], rgb(badge)) >= 4.5, `white on ${badge}`)
})

const rgb = (colour: string): number[] => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))

/** WCAG 2.2: relative luminances, 0.05 added to each, the lighter by the darker. */
function contrast(a: readonly number[], b: readonly number[]): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((one, other) => one - other) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: readonly number[]): number {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
