import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRef, refOf } from '../../views/model-ref.ts'
import { applied, parsePrefer } from './prefer.ts'

test('Prefer: a wait is kept within 1 to 55 seconds, and what is unknown is passed over', () => {
  const waits: [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ['wait', 55],
    ['wait=60', 55],
    ['wait=0', 1],
    ['WAIT = "7"; x=1', 7],
    ['respond-async, wait=3', 3],
    ['wait=soon', undefined],
    ['wait=-1', undefined],
    ['waiting=3', undefined],
    [`wait=${'9'.repeat(400)}`, 55],
  ]
  for (const [header, seconds] of waits) assert.equal(parsePrefer(header).waitSeconds, seconds, String(header))
  assert.equal(parsePrefer('wait=5, aborted').aborted, true)
  assert.equal(applied(parsePrefer('wait=99, aborted, respond-async')), 'wait=55, aborted')
  assert.equal(applied(parsePrefer('')), undefined)
})

test('a model is found by version, by name, by both, and by nothing else', () => {
  const models = ['story-mini', 'acme/story']
  const { version } = refOf('acme/story')
  assert.match(version, /^[0-9a-f]{64}$/)
  for (const text of [version, 'acme/story', `acme/story:${version}`])
    assert.equal(findRef(models, text)?.model, 'acme/story', text)
  assert.equal(findRef(models, 'fableframe/story-mini')?.model, 'story-mini')
  for (const text of ['story-mini', 'acme', 'acme/story:1', `fableframe/story-mini:${version}`, ''])
    assert.equal(findRef(models, text), undefined, text)
})
