import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EpubCheck } from '@likecoin/epubcheck-ts'
import { unzipSync } from 'fflate'
import { StoryRequest } from '../contract/story.ts'
import { plainPng } from '../test/png.ts'
import { bookOf } from './book.ts'
import { epub } from './epub.ts'

const modified = new Date('2026-11-29T12:34:56.789Z')

async function made(story: object, shapes: (readonly [width: number, height: number])[]) {
  const book = bookOf(StoryRequest.parse(story))
  const pictures = await Promise.all(
    shapes.map(async ([width, height]) => {
      const png = await plainPng(200, width, height)
      return { width, height, read: async () => png }
    }),
  )
  const bytes = Buffer.concat(await Array.fromAsync(epub(book, { id: 'abc', modified, pictures })))
  const files = Object.entries(unzipSync(bytes)).map(([name, bytes]) => [name, new TextDecoder().decode(bytes)])
  return { bytes, files: Object.fromEntries(files) as Record<string, string> }
}

const faults = async (bytes: Uint8Array) =>
  (await EpubCheck.validate(bytes)).messages.filter(({ severity }) => severity !== 'usage' && severity !== 'info')

const hostile = '<Fern> & "Bo" \u0007\u{1f98a}\ud800\n]]>'

test('a book is what EPUBCheck takes for one: fixed layout, in the order in which it is read', async () => {
  const frames = [{ prompt: 'a fox', text: 'Once.' }, { prompt: 'an owl' }]
  const { bytes, files } = await made({ title: 'The Kite', frames }, [
    [64, 64],
    [128, 64],
  ])
  assert.deepEqual(await faults(bytes), [])
  const opf = files['OEBPS/package.opf']!
  assert.match(opf, /<meta property="rendition:layout">pre-paginated</)
  assert.match(opf, /<meta property="dcterms:modified">2026-11-29T12:34:56Z</)
  assert.deepEqual(
    [...opf.matchAll(/idref="([^"]+)" properties="([^"]+)"/g)].map(([, file, side]) => `${file} ${side}`),
    [
      'cover rendition:page-spread-center',
      ...['text-1 page-spread-left', 'page-1 page-spread-right', 'text-2 page-spread-left', 'page-2 page-spread-right'],
      'back rendition:page-spread-center',
    ],
  )
  assert.match(files['OEBPS/text-1.xhtml']!, /<p>Once\.<\/p>/)
  assert.match(files['OEBPS/page-1.xhtml']!, /class="full" src="picture-1\.png" alt="a fox"/)
  assert.match(
    files['OEBPS/page-2.xhtml']!,
    /class="print" src="picture-2\.png" alt="an owl" style="width: 1040px; height: 520px"/,
  )
})

test('text of any kind stays text: markup, control characters, half emoji, many paragraphs', async () => {
  const many = { prompt: 'x', text: 'a\n'.repeat(749) }
  const { bytes, files } = await made(
    { title: hostile, frames: [{ prompt: hostile, text: `${hostile}${'\nagain'.repeat(3)}` }, many] },
    [
      [64, 64],
      [64, 64],
    ],
  )
  assert.deepEqual(await faults(bytes), [])
  // More paragraphs than a page has lines run on.
  assert.match(files['OEBPS/text-2.xhtml']!, /<p>(a ){700,}/)
  assert.match(files['OEBPS/text-1.xhtml']!, /<p>&#60;Fern&#62; &#38; &#34;Bo&#34; \u{1f98a}<\/p>\n<p>\]\]&#62;<\/p>/u)
})

test('a book that is read from the right turns its pages that way', async () => {
  const { bytes, files } = await made({ title: 'השועלה', frames: [{ prompt: 'x', text: 'פרן התעוררה מוקדם.' }] }, [
    [64, 96],
  ])
  assert.deepEqual(await faults(bytes), [])
  const opf = files['OEBPS/package.opf']!
  assert.match(opf, /page-progression-direction="rtl"/)
  assert.match(opf, /<dc:language>he</)
  assert.match(opf, /"text-1" properties="page-spread-right"/)
  assert.match(files['OEBPS/text-1.xhtml']!, /<p dir="rtl">/)
})

test('a book without pictures, or with too few, is refused', () => {
  const book = bookOf(StoryRequest.parse({ frames: [{ prompt: 'a fox' }] }))
  assert.throws(() => epub(book, { id: 'abc', modified, pictures: [] }), /0 pictures for 1 pages/)
})
