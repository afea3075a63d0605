import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NewField, PROTOCOL, protocolOf, storyFor } from './protocol.ts'
import { StoryRequest } from './story.ts'

const fields: NewField[] = [
  { since: 3, path: ['frames', 'text'], saysNothing: (value) => value === null },
  { since: 5, path: ['loras'], saysNothing: (value) => Array.isArray(value) && value.length === 0 },
]
const plain = StoryRequest.parse({ frames: [{ prompt: 'one' }, { prompt: 'two' }] })
const later = (text: string | null, loras: string[]) =>
  ({ ...plain, frames: plain.frames.map((frame) => ({ ...frame, text })), loras }) as StoryRequest

test('a story needs the version that brought what it says, and none for fields that say nothing', () => {
  assert.equal(protocolOf(plain, fields), 1)
  assert.equal(protocolOf(later(null, []), fields), 1)
  assert.equal(protocolOf(later('Once', []), fields), 3)
  assert.equal(protocolOf(later('Once', ['ink']), fields), 5)
})

test('an older runner reads the story without fields that it does not know', () => {
  assert.deepEqual(storyFor(2, later(null, []), fields), plain)
  assert.deepEqual(storyFor(3, later('Once', []), fields).frames[0], { prompt: 'one', text: 'Once' })
  assert.deepEqual(storyFor(5, later('Once', ['ink']), fields), later('Once', ['ink']))
  assert.ok(StoryRequest.safeParse(storyFor(1, later(null, []), fields)).success)
})

test('a story that says nothing new goes to every runner, without what an older one does not know', () => {
  const { prompt_syntax, ...known } = plain
  assert.equal(prompt_syntax, 'plain')
  assert.deepEqual(storyFor(1, plain), known)
  assert.deepEqual(storyFor(PROTOCOL, plain), plain)
  assert.equal(protocolOf(plain), 1)
  assert.equal(protocolOf({ ...plain, prompt_syntax: 'weighted' }), 3)
})
