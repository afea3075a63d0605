import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeWhole, writeWholeSync } from './whole-file.ts'

test('a file is replaced whole, and nothing else is left beside it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'whole-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.json')
  await writeWhole(path, 'first')
  writeWholeSync(path, Buffer.from('second'))
  assert.equal(await readFile(path, 'utf8'), 'second')
  assert.deepEqual(await readdir(folder), ['a.json'])
})

test('a failed write names the file that was meant', async () => {
  for (const write of [writeWhole, async (path: string, data: string) => writeWholeSync(path, data)])
    await assert.rejects(write('/dev/null/a.json', 'x'), { code: 'ENOTDIR', path: '/dev/null/a.json' })
})
