import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { unzipSync } from 'fflate'
import { type ZipFile, zipped } from './zip.ts'

const archive = async (files: ZipFile[], modified = new Date('2026-11-29T12:34:56Z')) =>
  Buffer.concat(await Array.fromAsync(zipped(each(files), modified)))

async function* each(files: ZipFile[]) {
  yield* files
}

test('another reader finds every file as it was, and its size before it', async () => {
  const files = [
    { name: 'mimetype', bytes: new TextEncoder().encode('application/epub+zip') },
    { name: 'frames/ünï.png', bytes: crypto.getRandomValues(new Uint8Array(50_000)) },
    { name: 'empty', bytes: new Uint8Array() },
  ]
  const bytes = await archive(files)
  const read = unzipSync(bytes)
  assert.deepEqual(Object.keys(read), ['mimetype', 'frames/ünï.png', 'empty'])
  for (const { name, bytes } of files) assert.deepEqual(read[name], bytes)
  // Of the first file: stored, with its checksum and its length in front of it.
  assert.equal(bytes.readUInt32LE(14), crc32('application/epub+zip'))
  assert.deepEqual([bytes.readUInt16LE(8), bytes.readUInt32LE(18), bytes.readUInt16LE(28)], [0, 20, 0])
  assert.equal(bytes.toString('latin1', 30, 58), 'mimetypeapplication/epub+zip')
  const [time, date] = [bytes.readUInt16LE(10), bytes.readUInt16LE(12)]
  assert.deepEqual([time >> 11, (time >> 5) & 63, (time & 31) * 2], [12, 34, 56])
  assert.deepEqual([(date >> 9) + 1980, (date >> 5) & 15, date & 31], [2026, 11, 29])
})

test('an archive of nothing is one', async () => {
  assert.deepEqual(unzipSync(await archive([])), {})
})

test('a file that cannot be read breaks the archive off', async () => {
  const broken = async function* (): AsyncGenerator<ZipFile> {
    yield { name: 'a', bytes: new Uint8Array(1) }
    throw new Error('gone')
  }
  await assert.rejects(Array.fromAsync(zipped(broken(), new Date())), /gone/)
})
