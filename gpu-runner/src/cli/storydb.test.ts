import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const cli = fileURLToPath(new URL('./storydb.ts', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
const tar = (...args: string[]) => execFileSync('tar', args, { stdio: ['ignore', 'pipe', 'ignore'] })
const noTar = spawnSync('tar', ['--version']).status === 0 ? false : 'there is no tar on this machine'

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
  const sheet = await sharp(join(out, 'storydb.png')).metadata()
  assert.deepEqual([sheet.width, sheet.height], [4 + 4 * 68, 4 + 2 * 68])
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

const shards = (out: string, ...more: string[]) => [
  '--out',
  out,
  '--images',
  '70',
  '--seed',
  '5',
  '--size',
  '48',
  '--format',
  'shards',
  '--shard-images',
  '8',
  ...more,
]

/** Every file of a folder with its SHA-256, as printing the difference of long files takes minutes. */
async function contents(path: string): Promise<Map<string, string>> {
  const names = (await readdir(path)).sort()
  return new Map(await Promise.all(names.map(async (name) => [name, await hashOf(join(path, name))] as const)))
}

const hashOf = async (path: string) => hash('sha256', await readFile(path))

test('killed while writing shards, and gone on with: the bytes of a run that was not', async (t) => {
  const [whole, broken] = [await folder(t), await folder(t)]
  const { status, stderr } = run(...shards(whole, '--threads', '2', '--card'))
  assert.equal(status, 0, stderr)
  const expected = await contents(whole)
  // 70 images are 18 sets of 4, and 8 images a shard are two sets.
  assert.deepEqual([...expected.keys()].filter((name) => name.endsWith('.tar')).length, 9)

  const child = spawn(process.execPath, [cli, ...shards(broken, '--threads', '2', '--card')], { stdio: 'ignore' })
  const closed = once(child, 'close')
  const finished = async () => (await readdir(broken)).filter((name) => name.endsWith('.tar'))
  while (child.exitCode === null && (await finished()).length < 2) await setTimeout(5)
  child.kill('SIGKILL')
  assert.deepEqual(await closed, [null, 'SIGKILL'])
  const kept = await finished()
  assert.ok(kept.length < 9, `${kept.length} shards were done before the kill`)
  for (const name of kept) assert.equal(await hashOf(join(broken, name)), expected.get(name), name)
  const before = await stat(join(broken, kept[0]!))
  // What the kill leaves may be anything, also longer than what comes in its place.
  await writeFile(join(broken, 'story-000008.tar.partial'), Buffer.alloc(1_000_000, 7))

  const again = run(...shards(broken, '--threads', '1', '--card'))
  assert.equal(again.status, 0, again.stderr)
  assert.match(again.stderr, /images 72\/72/)
  assert.deepEqual(await contents(broken), expected)
  assert.equal((await stat(join(broken, kept[0]!))).mtimeMs, before.mtimeMs)
})

test('shards unpack to what folders hold, frame by frame', { skip: noTar }, async (t) => {
  const [packed, loose] = [await folder(t), await folder(t)]
  assert.equal(run(...shards(packed).with(3, '12')).status, 0)
  assert.equal(run('--out', loose, '--images', '12', '--seed', '5', '--size', '48').status, 0)
  const lines = (await readFile(join(loose, 'labels.jsonl'), 'utf8')).trim().split('\n')
  const archives = (await readdir(packed)).filter((name) => name.endsWith('.tar')).sort()
  const members = archives.flatMap((name) => tar('-tf', join(packed, name)).toString().trim().split('\n'))
  // WebDataset takes members as one sample while their names agree up to the first dot.
  const samples = members
    .map((name) => name.slice(0, name.indexOf('.')))
    .filter((name, i, names) => name !== names[i - 1])
  assert.deepEqual(
    samples.map((name) => `${name}.png`),
    lines.map((line) => JSON.parse(line).image),
  )
  for (const name of archives) tar('-xf', join(packed, name), '-C', packed)
  for (const [i, line] of lines.entries()) {
    assert.equal(await readFile(join(packed, `${samples[i]}.json`), 'utf8'), line)
    const { image, characters } = JSON.parse(line)
    for (const name of [image, ...characters.flatMap(({ masks }: { masks: object }) => Object.values(masks))]) {
      assert.deepEqual(await readFile(join(packed, name)), await readFile(join(loose, name)), name)
    }
  }
})

test('a disk that refuses ends the run with its reason, and what was finished stays', async (t) => {
  const out = await folder(t)
  await mkdir(join(out, 'story-000002.tar.partial'))
  const { status, stderr } = run(...shards(out, '--threads', '1'))
  assert.equal(status, 1)
  assert.match(stderr, /storydb: EISDIR.*story-000002\.tar\.partial/)
  assert.ok((await readdir(out)).includes('story-000001.tar'))
})

test('bad flags: a clear message and exit 2', () => {
  const good = ['--out', 'x', '--sets', '1', '--frames', '1', '--seed', '1']
  for (const [args, message] of [
    [[], /--out <folder> is missing/],
    [['--out', 'x', '--sets', 'many', '--frames', '1', '--seed', '1'], /--sets must be a whole number .* not 'many'/],
    [['--out', 'x', '--sets', '1', '--frames', '1'], /--seed <number> is missing/],
    [['--out', 'x', '--seed', '1'], /--images <number> or --sets <number> is missing/],
    [[...good, '--images', '9'], /--sets and --images say the same/],
    [[...good, '--level', '7'], /--level must be 1, 2, 3, 4, 5, 6 or all, not '7'/],
    [[...good, '--format', 'zip'], /--format must be folders or shards, not 'zip'/],
    [[...good, '--threads', '0'], /--threads must be a whole number from 1 to 256, not '0'/],
    [[...good, '--split', 'test'], /--split must be train or held-out, not 'test'/],
    [[...good, '--colour', 'red'], /--colour/],
  ] as const) {
    const { status, stderr } = run(...args)
    assert.equal(status, 2, stderr)
    assert.match(stderr, message)
  }
})
