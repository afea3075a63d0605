import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EpubCheck } from '@likecoin/epubcheck-ts'
import { unzipSync } from 'fflate'
import type { Problem } from '../../../contract/problem.ts'
import type { Claim } from '../../../contract/runner.ts'
import { smallBank } from '../../../test/bank.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, app, wrong, post, read, claim, held, report, call, bindings, runCron } = await testEdge()
const fox = { id: 'fox', name: 'Fern', description: 'a red fox' }
const frames = [{ prompt: 'Fern waves', text: '„Hallo“, said Fern.' }, { prompt: 'Fern sleeps' }]
const pdf = Buffer.from('%PDF-1.4\nas the edge sees it\n%%EOF\n')
const webp = Buffer.from('RIFF\0\0\0\0WEBPVP8 ')

/** A story with its first `count` frames, and its pages if they are all. */
async function generated(lease: Claim, count = lease.story.frames.length): Promise<void> {
  await report(lease, 1, 'story.started')
  await call('PUT', `/runner/stories/${lease.id}/bank`, {
    headers: { authorization: 'Bearer a-token-of-the-tests', 'x-lease-token': lease.lease_token },
    body: smallBank([fox]),
  })
  for (let i = 0; i < count; i++)
    if (!lease.finished_frames.includes(i)) await held(lease, 'PUT', `frames/${i}`, await plainPng(40 * i, 64, 48))
  if (count < lease.story.frames.length) return
  await held(lease, 'PUT', 'storyboard', await plainPng(9))
  assert.equal((await held(lease, 'PUT', 'storyboard.webp', webp)).status, 200)
  assert.equal((await held(lease, 'PUT', 'book.pdf', pdf)).status, 200)
  assert.equal((await report(lease, 2, 'story.completed')).body.status, 'succeeded')
}

const paths = ['book.pdf', 'book.epub', 'story.zip'] as const

test('a finished story is there as PDF, as EPUB and as an archive, behind links that need no key', async () => {
  const { id, urls } = await post({ title: 'Fern & the “Kite”/', characters: [fox], frames })
  assert.deepEqual([urls.book_pdf, urls.book_epub, urls.zip, urls.storyboard_webp], [null, null, null, null])
  await generated((await claim())!)
  const story = await read(id)
  assert.deepEqual(
    story.frames.map(({ text }) => text),
    ['„Hallo“, said Fern.', null],
  )

  const book = await fetch(story.urls.book_pdf!)
  assert.equal(book.headers.get('content-type'), 'application/pdf')
  assert.equal(
    book.headers.get('content-disposition'),
    `attachment; filename="Fern & the _Kite_.pdf"; filename*=UTF-8''Fern%20%26%20the%20%E2%80%9CKite%E2%80%9D.pdf`,
  )
  assert.equal(Buffer.compare(await book.bytes(), pdf), 0)
  const part = await fetch(story.urls.book_pdf!, { headers: { range: 'bytes=0-7' } })
  assert.deepEqual(
    [part.status, await part.text(), part.headers.get('content-type')],
    [206, '%PDF-1.4', 'application/pdf'],
  )
  const page = await fetch(story.urls.storyboard_webp!)
  assert.deepEqual([page.headers.get('content-type'), Buffer.compare(await page.bytes(), webp)], ['image/webp', 0])

  const epub = await fetch(story.urls.book_epub!)
  assert.equal(epub.headers.get('content-type'), 'application/epub+zip')
  const bytes = await epub.bytes()
  const { messages } = await EpubCheck.validate(bytes)
  assert.deepEqual(
    messages.filter(({ severity }) => !['usage', 'info'].includes(severity)),
    [],
  )
  const pages = unzipSync(bytes)
  assert.match(new TextDecoder().decode(pages['OEBPS/text-1.xhtml']), /„Hallo“, said Fern\./)
  assert.deepEqual(Buffer.from(pages['OEBPS/picture-2.png']!), await plainPng(40, 64, 48))

  const zip = await fetch(story.urls.zip!)
  const files = unzipSync(await zip.bytes())
  const names = ['story.json', 'captions.txt', 'frames/01.png', 'frames/02.png', 'storyboard.png']
  assert.deepEqual(Object.keys(files), names)
  const said = JSON.parse(new TextDecoder().decode(files['story.json']))
  assert.deepEqual([said.id, said.seed, said.characters[0].name], [id, story.seed, 'Fern'])
  assert.deepEqual(said.frames[1], {
    ...{ index: 1, file: 'frames/02.png', prompt: 'Fern sleeps', text: null, characters: null },
    ...{ width: 64, height: 48, seed: story.frames[1]!.seed },
  })
  assert.equal(new TextDecoder().decode(files['captions.txt']), '1\n„Hallo“, said Fern.\n\n2\nFern sleeps\n')

  for (const response of [book, epub, zip]) {
    const etag = response.headers.get('etag')!
    const again = await fetch(response.url, { headers: { 'if-none-match': etag } })
    assert.deepEqual([again.status, await again.text()], [304, ''])
    assert.equal((await fetch(response.url.replace(/sig=.{4}/, 'sig=AAAA'))).status, 401)
  }
})

test('what is not there yet, or never will be, is said with what to do', async () => {
  const { id } = await post({ characters: [fox], frames })
  const asked = async (path: string) => {
    const { type, status, detail } = await wrong('GET', `/stories/${id}/${path}`)
    return `${status} ${type} ${detail}`
  }
  for (const path of paths)
    assert.equal(await asked(path), `409 /problems/not-ended story ${id} is queued; ${path} is there when it has ended`)
  const lease = (await claim())!
  await generated(lease, 0)
  assert.match(await asked('book.pdf'), /^409 \/problems\/not-ended story \w+ is running/)
  await app('POST', `/stories/${id}/cancel`)
  await report(lease, 2, 'story.canceled')
  for (const path of paths)
    assert.equal(await asked(path), `409 /problems/no-book story ${id} ended as canceled with 0 of 2 frames`)

  await app('POST', `/stories/${id}/resume`)
  const next = (await claim())!
  await generated(next, 1)
  await app('POST', `/stories/${id}/cancel`)
  await report(next, 2, 'story.canceled')
  assert.match(await asked('book.epub'), /ended as canceled with 1 of 2 frames; a book needs all$/)
  const { urls } = await read(id)
  assert.deepEqual([urls.book_epub, urls.book_pdf], [null, null])
  const files = unzipSync(await fetch(urls.zip!).then((response) => response.bytes()))
  assert.deepEqual(Object.keys(files), ['story.json', 'captions.txt', 'frames/01.png'])

  await app('DELETE', `/stories/${id}`)
  for (const path of paths) assert.equal(await asked(path), `404 /problems/not-found story ${id} was erased`)
  assert.equal((await wrong('GET', `/stories/${'a'.repeat(26)}/book.pdf`)).status, 404)
})

test('the story of a runner that makes no book says so; its EPUB is there all the same', async () => {
  const { id } = await post({ characters: [fox], frames })
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  for (const i of [0, 1]) await held(lease, 'PUT', `frames/${i}`, await plainPng(i))
  await report(lease, 2, 'story.completed')
  const refused = await wrong('GET', `/stories/${id}/book.pdf`)
  assert.deepEqual([refused.status, refused.detail], [409, `the runner of story ${id} made no book.pdf`])
  assert.equal((await wrong('GET', `/stories/${id}/storyboard.webp`)).status, 404)
  const { urls } = await read(id)
  assert.equal(urls.book_pdf, null)
  assert.equal((await fetch(urls.book_epub!)).status, 200)
})

test('a picture that is gone breaks the archive off instead of leaving a short one', async () => {
  const { id } = await post({ characters: [fox], frames })
  await generated((await claim())!)
  const { objects } = await bindings.IMAGES.list({ prefix: `stories/${id}/` })
  const picture = await plainPng(40, 64, 48)
  const [second] = objects.filter(({ size, key }) => size === picture.length && key.endsWith('.png'))
  await bindings.IMAGES.delete(second!.key)
  await assert.rejects(app('GET', `/stories/${id}/story.zip`).then(({ body }) => unzipSync(Buffer.from(String(body)))))
})

test('with another text a frame keeps its picture, and the book is made anew', async () => {
  const { id } = await post({ characters: [fox], frames })
  await generated((await claim())!)
  const before = await read(id)
  const etag = (await fetch(before.urls.book_epub!)).headers.get('etag')
  const redrawn = await app('POST', `/stories/${id}/frames/1/redraw`, { text: 'Fern slept.' })
  assert.deepEqual(
    [redrawn.status, redrawn.body.frames[1]!.text, redrawn.body.urls.book_pdf],
    [202, 'Fern slept.', null],
  )
  const lease = (await claim())!
  assert.deepEqual(lease.story.frames[1], { prompt: 'Fern sleeps', text: 'Fern slept.', seed: before.frames[1]!.seed })
  assert.deepEqual(lease.story.frames[0], frames[0])
  await generated(lease)
  const after = await read(id)
  await runCron()
  assert.notEqual((await fetch(after.urls.book_epub!)).headers.get('etag'), etag)
  assert.equal(
    (await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects.filter(({ key }) => key.endsWith('.pdf')).length,
    1,
  )
  await app('DELETE', `/stories/${id}`)
  assert.equal((await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects.length, 0)
})

test('what a runner uploads has to be whole, and its lease in force', async () => {
  const { id } = await post({ characters: [fox], frames })
  const lease = (await claim())!
  const put = (path: string, body: Uint8Array) => held<Problem>(lease, 'PUT', path, body)
  const message = async (path: string, body: Uint8Array) => (await put(path, body)).body.errors?.[0]?.message
  assert.equal(await message('book.pdf', pdf.subarray(0, -8)), 'the body is no whole PDF file')
  assert.equal(await message('book.pdf', webp), 'the body is no whole PDF file')
  assert.equal(await message('book.pdf', new Uint8Array()), 'the body is no whole PDF file')
  assert.equal(await message('storyboard.webp', pdf), 'the body is no whole WEBP file')
  assert.equal((await put('book.pdf', Buffer.alloc(16 * 1024 * 1024 + 1))).body.type, '/problems/too-large')
  const [first, second] = [await put('book.pdf', pdf), await put('book.pdf', Buffer.concat([pdf, pdf]))]
  assert.deepEqual(second.body, first.body)
  await held(lease, 'POST', 'release')
  assert.equal((await put('book.pdf', pdf)).body.type, '/problems/stale-lease')
  await app('POST', `/stories/${id}/cancel`)
})

test('texts have a length; runners of before they were known do not get a story with one', async () => {
  const long = await wrong('POST', '/stories', { frames: [{ prompt: 'x', text: 'y'.repeat(1501) }] })
  assert.deepEqual(long.errors, [{ pointer: '/frames/0/text', message: 'at most 1500 characters' }])
  assert.equal(
    (await wrong('POST', '/stories', { frames: [{ prompt: 'x', text: ' ' }] })).errors?.[0]?.message,
    'must not be blank',
  )
  const { id } = await post({ frames })
  const claimed = (protocol: number) =>
    fetch(`${url}/runner/claim`, {
      method: 'POST',
      headers: { authorization: 'Bearer a-token-of-the-tests', 'content-type': 'application/json' },
      body: JSON.stringify({ runner: 'r', model: 'story-mini', protocol }),
    })
  assert.equal((await claimed(2)).status, 204)
  assert.equal((await claimed(3)).status, 200)
  assert.ok(key && id)
})
