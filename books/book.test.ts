import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRequest } from '../contract/story.ts'
import { bookOf, fileNameOf } from './book.ts'
import { paragraphsOf, typeSizes } from './type-size.ts'

const book = (story: object) => bookOf(StoryRequest.parse({ frames: [{ prompt: 'a fox wakes up' }], ...story }))
const fern = { id: 'fox', name: 'Fern', description: 'a fox' }
const bo = { id: 'owl', name: 'Bo', description: 'an owl' }

test('a page says its text, or its prompt; the prompt is what the picture shows', () => {
  const { pages } = book({ frames: [{ prompt: 'a fox', text: 'Once upon a time.' }, { prompt: 'an owl' }] })
  assert.deepEqual(pages, [
    { text: 'Once upon a time.', alt: 'a fox' },
    { text: 'an owl', alt: 'an owl' },
  ])
})

test('a book has a title: that of the story, its cast, or the first words', () => {
  const long = 'A fox ran down the hill as fast as she could, and the wind came after her like a dog.'
  assert.equal(book({ title: 'The Kite', characters: [fern, bo] }).title, 'The Kite')
  assert.equal(book({ characters: [fern, bo] }).title, 'Fern, Bo')
  assert.equal(book({ frames: [{ prompt: 'x', text: `Short.\n${long}` }] }).title, 'Short.')
  assert.equal(
    book({ frames: [{ prompt: long }] }).title,
    'A fox ran down the hill as fast as she could, and the wind…',
  )
  assert.equal(book({ frames: [{ prompt: 'x'.repeat(100) }] }).title, `${'x'.repeat(60)}…`)
})

test('the language follows from the script where that is enough, and so does the side where reading begins', () => {
  const said = (text: string) => {
    const { language, isRightToLeft } = book({ frames: [{ prompt: 'x', text }] })
    return `${language} ${isRightToLeft ? 'rtl' : 'ltr'}`
  }
  assert.equal(said('Once upon a time, ひ'), 'und ltr')
  assert.equal(said('„שלום” said Fern'), 'he rtl')
  assert.equal(said('ثعلب'), 'ar rtl')
  assert.equal(said('小狐狸'), 'zh ltr')
  assert.equal(said('森の狐'), 'ja ltr')
  assert.equal(said('12'), 'und ltr')
})

test('file names hold no separators, no control characters and no dots at the end', () => {
  assert.equal(fileNameOf(' Fern: the "best"\u202e/fox? ', 'pdf'), 'Fern the best fox.pdf')
  assert.equal(fileNameOf('..', 'zip'), 'story.zip')
  assert.equal(fileNameOf('', 'zip'), 'story.zip')
  assert.equal(fileNameOf('小狐狸', 'epub'), '小狐狸.epub')
  assert.equal(Array.from(fileNameOf('🦊'.repeat(200), 'pdf')).length, 84)
})

test('type is alike on all pages, unless one text would make the others too small', () => {
  const fits = (length: number, size: number) => length * size <= 1000
  const sizes = [30, 20, 10, 5]
  assert.deepEqual(typeSizes([10, 20], sizes, 10, fits), [30, 30])
  assert.deepEqual(typeSizes([10, 40], sizes, 10, fits), [20, 20])
  assert.deepEqual(typeSizes([10, 100, 190], sizes, 10, fits), [10, 10, 5])
  assert.deepEqual(typeSizes([5000], sizes, 10, fits), [5])
  assert.deepEqual(typeSizes([], sizes, 10, fits), [])
})

test('paragraphs are parted by newlines, of which any number is one', () => {
  assert.deepEqual(paragraphsOf('one \r\n\n  two\u2029three\n'), ['one', 'two', 'three'])
  assert.deepEqual(paragraphsOf(' \n '), [])
})
