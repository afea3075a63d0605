import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TAR_END, tarEntry } from './tar.ts'

test('an entry has the fields of POSIX ustar in their places', () => {
  const bytes = Buffer.from('x'.repeat(513))
  const entry = Buffer.from(tarEntry('set-000000/frame-0.png', bytes))
  const field = (at: number, length: number) => entry.toString('latin1', at, at + length)
  assert.equal(entry.length, 3 * 512)
  assert.equal(field(0, 23), 'set-000000/frame-0.png\0')
  assert.equal(field(100, 8), '0000644\0')
  assert.equal(field(124, 12), '00000001001\0')
  assert.equal(field(136, 12), '00000000000\0')
  assert.equal(field(156, 1), '0')
  assert.equal(field(257, 8), 'ustar\x0000')
  const unsummed = [...entry.subarray(0, 148), ...Buffer.from(' '.repeat(8)), ...entry.subarray(156, 512)]
  assert.equal(
    field(148, 8),
    `${unsummed
      .reduce((sum, byte) => sum + byte)
      .toString(8)
      .padStart(6, '0')}\0 `,
  )
  assert.deepEqual(entry.subarray(512, 1025), bytes)
  assert.ok(entry.subarray(1025).every((byte) => byte === 0))
  assert.equal(TAR_END.length, 1024)
})

test('whole blocks get no padding, empty files no block', () => {
  assert.equal(tarEntry('a', new Uint8Array(512)).length, 1024)
  assert.equal(tarEntry('a', new Uint8Array(0)).length, 512)
})

test('names a header cannot hold are an error', () => {
  for (const name of ['', 'ä'.repeat(51)]) assert.throws(() => tarEntry(name, new Uint8Array(1)), /name of \d+ bytes/)
})
