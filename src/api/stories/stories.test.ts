import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/problem.ts'
import { type AcceptedStory, Story, StoryList } from '../../../contract/story-view.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, app, call, wrong, post, otherKey, claim, report, bindings } = await testEdge({
  MODELS: 'story-mini, story-large',
})
const fox = { id: 'fox', name: 'Fern', description: 'an orange fox' }
const story = { title: 'Mara', frames: [{ prompt: 'a fox wakes up' }, { prompt: 'the fox sets out' }] }

test('an accepted story can be read at its Location', async () => {
  const posted = await app('POST', '/stories', { ...story, metadata: { order: 7 } })
  assert.equal(posted.status, 202)
  const view = Story.parse(posted.body)
  assert.match(view.id, /^[a-z2-7]{26}$/)
  assert.deepEqual([view.status, view.title, view.model, view.metadata], ['queued', 'Mara', 'story-mini', { order: 7 }])
  assert.equal(posted.headers.get('location'), `${url}/stories/${view.id}`)
  const read = await app('GET', posted.headers.get('location')!)
  assert.deepEqual([read.status, { ...read.body, queue: null }], [200, view])
})

test('a seed is drawn once, unless it is given', async () => {
  assert.equal((await post({ ...story, seed: 0 })).seed, 0)
  const drawn = await Promise.all([post(story), post(story)])
  assert.notEqual(drawn[0].seed, drawn[1].seed)
})

test('what cannot be a story is refused with a pointer to each fault', async () => {
  const cases: [unknown, string, RegExp][] = [
    [{ frames: [] }, '/frames', /at least 1/],
    [{ frames: Array(13).fill({ prompt: 'x' }) }, '/frames', /at most 12/],
    [{ frames: [{ prompt: 'x', characters: ['bear'] }] }, '/frames/0/characters/0', /unknown character bear/],
    [{ ...story, width: 100_000 }, '/width', /64 to 2048/],
    [{ ...story, width: 1152, height: 1152 }, '/width', /1327104 pixels; a frame has at most 1048576/],
    [{ ...story, steps: 'many' }, '/steps', /expected a number, not a string/],
    [{ ...story, surprise: 1 }, '/surprise', /unknown field/],
    [{ ...story, model: 'story-huge' }, '/model', /unknown model story-huge; served are story-mini, story-large/],
    [{ ...story, webhook: 'http://user:pass@app.example/' }, '/webhook', /user name/],
    [
      { ...story, characters: [{ id: 'a', name: 'A', description: 'a', references: ['https://u:p@app.example/'] }] },
      '/characters/0/references/0',
      /user name/,
    ],
    [
      { ...story, characters: [{ ...fox, references: ['data:image/png;base64,bm8gcGljdHVyZQ=='] }] },
      '/characters/0/references/0',
      /no picture: it does not begin as PNG, JPEG or WebP do/,
    ],
    [
      { ...story, anchors: [{ character: 'fox', picture: 'data:image/webp;base64,QQ==' }], characters: [fox] },
      '/anchors/0/picture',
      /no picture/,
    ],
    [{ ...story, characters: [fox, { ...fox, id: 'cat' }] }, '/characters/1/name', /another character is called Fern/],
    [
      { ...story, consistency: { injector: 0, regions: true } },
      '/consistency/regions',
      /cannot be true while injector is 0.*leave out one/,
    ],
    ['[1, 2]', '', /expected an object, not a list/],
    ['null', '', /expected an object, not null/],
    ['"text"', '', /expected an object, not a string/],
  ]
  for (const [body, pointer, message] of cases) {
    const problem = Problem.parse(await wrong('POST', '/stories', body))
    assert.deepEqual([problem.status, problem.type], [422, '/problems/validation'], JSON.stringify(problem))
    const fault = problem.errors?.find((error) => error.pointer === pointer)
    assert.match(fault?.message ?? JSON.stringify(problem.errors), message)
  }
})

test('characters whom no frame shows are accepted, with a warning that names them', async () => {
  const owl = { id: 'owl', name: 'Ola', description: 'an owl' }
  const sent = async (frames: unknown[]) => {
    const { status, body } = await app<AcceptedStory>('POST', '/stories', { characters: [fox, owl], frames })
    return [status, body.warnings]
  }
  const warning = '/characters/1: Ola is in no frame; a prompt must name Ola, or a frame list owl in its characters'
  const nobody = "/frames/1/prompt: names nobody of the cast; call them by name, or list them in the frame's characters"
  assert.deepEqual(await sent([{ prompt: 'fern waves' }, { prompt: 'Olaf waves' }]), [202, [warning, nobody]])
  // Who is listed decides, not whom the prompt names.
  assert.deepEqual(await sent([{ prompt: 'Fern meets Ola', characters: ['fox'] }]), [202, [warning]])
  assert.deepEqual(await sent([{ prompt: 'Fern waves' }, { prompt: 'a tree', characters: ['owl'] }]), [202, undefined])
  const { body } = await app<{ warnings: string[] }>('POST', '/stories?dry_run=true', {
    characters: [fox, owl],
    frames: [{ prompt: 'Fern waves' }],
  })
  assert.deepEqual(body.warnings, [warning])
})

test('an accepted story says who was found where, and warns of frames that name nobody', async () => {
  const frames = [{ prompt: 'Fern waves' }, { prompt: 'She runs' }, { prompt: 'the sun sets' }]
  const { body } = await app<AcceptedStory>('POST', '/stories', { characters: [fox], frames })
  assert.deepEqual(body.mentions, [
    { frame: 0, character: 'fox', words: 'Fern' },
    { frame: 1, character: 'fox', words: 'She' },
  ])
  assert.deepEqual(
    body.warnings?.map((warning) => warning.split(':')[0]),
    ['/frames/1/prompt', '/frames/2/prompt'],
  )
  const twice = [fox, { ...fox, id: 'vixen', name: 'FERN' }]
  const { errors } = Problem.parse(await wrong('POST', '/stories', { characters: twice, frames }))
  assert.equal(errors?.[0]?.pointer, '/characters/1/name')
})

test('bodies that are no JSON, too deep, too large or of another type are refused, never a fault of ours', async () => {
  for (const body of ['{"frames": [', '', '\u0000', '{"a":1}}'])
    assert.equal((await wrong('POST', '/stories', body)).type, '/problems/malformed-json')
  const depth = 200_000
  const deep = `{"frames":[{"prompt":"x"}],"metadata":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  assert.equal((await wrong('POST', '/stories', deep)).status, 422)
  const padded = JSON.stringify({ ...story, title: 'x'.repeat(10_000_000) })
  assert.equal((await wrong('POST', '/stories', padded)).status, 413)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const chunked = new Response(padded).body!
  const streamed = await call<Problem>('POST', '/stories', { headers, body: chunked, duplex: 'half' } as RequestInit)
  assert.equal(streamed.body.type, '/problems/too-large')
  const form = await call<Problem>('POST', '/stories', {
    headers: { ...headers, 'content-type': 'text/plain' },
    body: '{}',
  })
  assert.deepEqual([form.status, form.body.type], [415, '/problems/unsupported-media-type'])
})

test('without a key in force nothing is revealed', async () => {
  const wrongKeys = [undefined, 'Bearer', 'Basic abc', 'Bearer ff_live_x', `Bearer ${key.slice(0, -1)}b`]
  const unknown = 'ff_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  for (const authorization of [...wrongKeys, `Bearer ${unknown}`]) {
    const answer = await call<Problem>('GET', '/stories', { headers: authorization ? { authorization } : {} })
    assert.deepEqual([answer.status, answer.body.type], [401, '/problems/unauthorized'])
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  }
  await bindings.DB.prepare("UPDATE api_keys SET revoked_at = 1 WHERE name = 'other'").run()
  const revoked = await otherKey()
  await bindings.DB.prepare("UPDATE api_keys SET revoked_at = 1 WHERE name = 'other'").run()
  assert.match((await wrong('GET', '/stories', undefined, revoked)).detail, /unknown or revoked/)
})

test('an answer arrives whole, however much of the body it leaves unread', async () => {
  const body = 'x'.repeat(10_000_000)
  assert.equal((await wrong('POST', '/stories', body, 'none')).status, 401)
  assert.equal((await wrong('POST', '/nowhere', body)).status, 404)
  assert.equal((await wrong('PUT', '/stories', body)).status, 405)
})

test("another key's story does not exist, in any route", async () => {
  const { id } = await post(story)
  const other = await otherKey()
  const paths = ['', '/frames/0.png', '/storyboard.png', '/events']
  for (const path of paths) assert.equal((await wrong('GET', `/stories/${id}${path}`, undefined, other)).status, 404)
  assert.equal((await wrong('POST', `/stories/${id}/cancel`, undefined, other)).status, 404)
  assert.deepEqual((await app<StoryList>('GET', '/stories', undefined, other)).body.results, [])
})

test('unknown ids and paths are 404, known paths 405 with what is allowed', async () => {
  for (const path of ['/stories/none', `/stories/${'a'.repeat(26)}`, '/stories/%FF', '/stories/a/b/c'])
    assert.equal((await wrong('GET', path)).status, 404, path)
  const { id } = await post(story)
  const refused = await app<Problem>('PATCH', `/stories/${id}`)
  assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, DELETE, HEAD, OPTIONS'])
  const put = await app<Problem>('PUT', '/stories')
  assert.deepEqual([put.status, put.headers.get('allow')], [405, 'POST, GET, HEAD, OPTIONS'])
})

test('the list is paged from new to old', async () => {
  const other = await otherKey()
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.unshift((await app('POST', '/stories', story, other)).body.id)
  const pages: string[][] = []
  for (let next: string | null = '/stories?limit=2'; next; ) {
    const { body }: { body: StoryList } = await app<StoryList>('GET', next, undefined, other)
    pages.push(StoryList.parse(body).results.map((view) => view.id))
    next = body.next
  }
  assert.deepEqual(
    pages.map((page) => page.length),
    [2, 2, 1],
  )
  assert.deepEqual(pages.flat().toSorted(), ids.toSorted())
  assert.equal((await wrong('GET', '/stories?limit=51')).errors?.[0]?.pointer, '?limit')
  assert.equal((await wrong('GET', '/stories?cursor=x')).errors?.[0]?.pointer, '?cursor')
})

test('cancel: the same answer however often, and none of it changes a story that has ended', async () => {
  const { id } = await post({ ...story, model: 'story-large' })
  const first = await app('POST', `/stories/${id}/cancel`)
  assert.deepEqual([first.status, first.body.status], [200, 'canceled'])
  assert.deepEqual((await app('POST', `/stories/${id}/cancel`)).body, first.body)

  const running = await post({ ...story, model: 'story-large' })
  const lease = (await claim('story-large'))!
  const requested = (await app('POST', `/stories/${running.id}/cancel`)).body
  assert.deepEqual([requested.status, requested.cancel_requested], ['running', true])
  assert.equal((await report(lease, 1, 'story.canceled')).status, 200)
  const ended = (await app('POST', `/stories/${running.id}/cancel`)).body
  assert.deepEqual([ended.status, ended.error], ['canceled', null])
})

test('problems, health and the interface describe themselves', async () => {
  assert.equal((await call<{ status: string }>('GET', '/healthz')).body.status, 'ok')
  assert.match((await call<string>('GET', '/problems/stale-lease')).body, /Drop the work/)
  assert.equal((await call('GET', '/problems/toString')).status, 404)
  const document = async (path: string) =>
    (await call<{ openapi: string; paths: Record<string, object> }>('GET', path)).body
  const [body, runners] = await Promise.all(['/openapi.json', '/openapi-runner.json'].map(document))
  assert.equal(body!.openapi, '3.1.0')
  assert.deepEqual(Object.keys(body!.paths['/stories'] ?? {}).toSorted(), ['get', 'post'])
  assert.match(JSON.stringify(body), /"maxItems":12/)
  assert.match(JSON.stringify(runners!.paths['/runner/webhooks']), /"const":"story\.frame\.completed"/)
})
