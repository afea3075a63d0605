import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packBody, unpackBody } from './bodies.ts'

test('a body comes back as it was, whatever it holds, and is kept in less', async () => {
  const story = JSON.stringify(
    Array.from({ length: 48 }, (_, n) => ({ index: n, prompt: `Füchse 🦊 ${n}`, url: null })),
  )
  for (const body of [story, '{}', JSON.stringify('\u0000\ud83e\udd8a'), ''])
    assert.equal(await unpackBody(await packBody(body)), body)
  assert.ok((await packBody(story)).length < story.length / 4)
  assert.equal(await unpackBody('{"of":"an older version"}'), '{"of":"an older version"}')
})
