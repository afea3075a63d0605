import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const cli = fileURLToPath(new URL('./storydb.ts', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'storydb-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('writes pictures, masks, labels and a sheet', async (t) => {
  const out = await folder(t)
  const { status, stderr } = run(
    '--out',
    out,
    '--sets',
    '2',
    '--frames',
    '2',
    '--seed',
    '7',
    '--level',
    '3',
    '--size',
    '64',
  )
  assert.equal(status, 0, stderr)
  const lines = (await readFile(join(out, 'labels.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ set, frame }) => [set, frame]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ],
  )
  for (const { image, caption, characters } of lines) {
    const { width, height, channels } = await sharp(join(out, image)).metadata()
    assert.deepEqual([width, height, channels], [64, 64, 3])
    assert.ok(caption.length > 10)
    for (const { masks, attributes, labels } of characters) {
      for (const file of Object.values<string>(masks))
        assert.equal((await sharp(join(out, file)).metadata()).channels, 1)
      assert.deepEqual(Object.keys(attributes), Object.keys(labels))
    }
  }
  const sheet = await sharp(join(out, 'sheet.png')).metadata()
  assert.deepEqual([sheet.width, sheet.height], [256, 64])
})

test('a broken-off run goes on with what is missing and ends with the same labels', async (t) => {
  const out = await folder(t)
  const args = ['--out', out, '--sets', '3', '--frames', '1', '--seed', '7', '--size', '32']
  assert.equal(run(...args).status, 0)
  const labels = await readFile(join(out, 'labels.jsonl'), 'utf8')
  const before = await stat(join(out, 'set-000000/frame-0.png'))
  await rename(join(out, 'set-000001'), join(out, 'set-000001.partial'))
  await rm(join(out, 'labels.jsonl'))
  assert.equal(run(...args).status, 0)
  assert.equal(await readFile(join(out, 'labels.jsonl'), 'utf8'), labels)
  assert.equal((await stat(join(out, 'set-000000/frame-0.png'))).mtimeMs, before.mtimeMs)
  assert.equal(
    (await readdir(out)).some((name) => name.endsWith('.partial')),
    false,
  )
})

test('a folder of other options is left alone', async (t) => {
  const out = await folder(t)
  const args = (seed: string) => ['--out', out, '--sets', '1', '--frames', '1', '--seed', seed, '--size', '32']
  assert.equal(run(...args('1')).status, 0)
  const { status, stderr } = run(...args('2'))
  assert.equal(status, 1)
  assert.match(stderr, /holds sets made with .*"seed":1.*not with .*"seed":2/)
})

test('bad flags: a clear message and exit 2', () => {
  const good = ['--out', 'x', '--sets', '1', '--frames', '1', '--seed', '1']
  for (const [args, message] of [
    [[], /--out <folder> is missing/],
    [['--out', 'x', '--sets', 'many', '--frames', '1', '--seed', '1'], /--sets must be a whole number .* not 'many'/],
    [['--out', 'x', '--sets', '1', '--seed', '1'], /--frames <number> is missing/],
    [[...good, '--level', '4'], /--level must be 1, 2 or 3, not '4'/],
    [[...good, '--split', 'test'], /--split must be train or held-out, not 'test'/],
    [[...good, '--colour', 'red'], /--colour/],
  ] as const) {
    const { status, stderr } = run(...args)
    assert.equal(status, 2, stderr)
    assert.match(stderr, message)
  }
})
