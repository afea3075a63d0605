import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKnownTo } from './if-none-match.ts'

test('tags are compared weakly, in lists too', () => {
  const known = ['"a"', 'W/"a"', '"b", "a"', 'W/"b" , W/"a"', '"b","a"', ' * ', '"x,y", "a"']
  for (const header of known) assert.ok(isKnownTo(header, '"a"'), header)
  assert.ok(isKnownTo('"a"', 'W/"a"'))
  const unknown = [undefined, '', 'a', '"A"', '"b"', 'W/"b"', '"a, "b"', '"*"', '*, "b"']
  for (const header of unknown) assert.ok(!isKnownTo(header, '"a"'), `${header}`)
})
