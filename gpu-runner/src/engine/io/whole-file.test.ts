import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeJson, writeJsonSync, writeWhole, writeWholeSync } from './whole-file.ts'

test('a file is replaced whole, and nothing else is left beside it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'whole-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.json')
  await writeWhole(path, 'first')
  writeWholeSync(path, Buffer.from('second'))
  assert.equal(await readFile(path, 'utf8'), 'second')
  assert.deepEqual(await readdir(folder), ['a.json'])
})

test('JSON ends with a line feed, on one line or indented', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'whole-'))
  t.after(() => rm(folder, { recursive: true }))
  const [one, two] = [join(folder, 'one.json'), join(folder, 'two.json')]
  await writeJson(one, { a: [1] }, 0)
  writeJsonSync(two, { a: 1 })
  assert.deepEqual([await readFile(one, 'utf8'), await readFile(two, 'utf8')], ['{"a":[1]}\n', '{\n  "a": 1\n}\n'])
})

test('a failed write names the file that was meant', async () => {
  for (const write of [writeWhole, async (path: string, data: string) => writeWholeSync(path, data)])
    await assert.rejects(write('/dev/null/a.json', 'x'), { code: 'ENOTDIR', path: '/dev/null/a.json' })
})
