import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openCheckpoint, openSafetensors, SafetensorsError, writeSafetensors } from './safetensors.ts'

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'safetensors-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

/** A file of `header` (as JSON, or a text or bytes as they are) and `bytes` bytes of zeros. */
function handmade(path: string, header: unknown, bytes: number): string {
  const raw = typeof header === 'string' || Buffer.isBuffer(header)
  const json = Buffer.from(raw ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(bytes)]))
  return path
}

test('tensors of every float type come back as float32, with shape, place and metadata', async (t) => {
  const path = join(await folder(t), 'a.safetensors')
  const data = Float32Array.of(1, -0.5, 3, 0.25, 5, 6)
  const tensors = {
    half: { dtype: 'F16', shape: [3, 2], data },
    brain: { dtype: 'BF16', shape: [6], data },
    full: { dtype: 'F32', shape: [2, 3], data },
    double: { dtype: 'F64', shape: [2], data: Float64Array.of(7, 8) },
    ids: { dtype: 'I64', shape: [2], data: BigInt64Array.of(-1n, 49407n) },
    mask: { dtype: 'U8', shape: [1, 1, 3], data: Uint8Array.of(0, 127, 255) },
    scalar: { dtype: 'I32', shape: [], data: Int32Array.of(-9) },
    none: { dtype: 'F32', shape: [0, 4], data: new Float32Array() },
  } as const
  writeSafetensors(path, tensors, { format: 'pt' })

  const file = openSafetensors(path)
  assert.deepEqual(file.metadata, { format: 'pt' })
  assert.deepEqual(file.tensors.size, 8)
  for (const name of ['half', 'brain', 'full'] as const) assert.deepEqual(file.read(name), data)
  assert.deepEqual([...file.read('double'), ...file.read('ids'), ...file.read('scalar')], [7, 8, -1, 49407, -9])
  assert.deepEqual(file.bytes('mask'), Uint8Array.of(0, 127, 255))
  assert.equal(file.read('none').length, 0)
  assert.deepEqual(file.tensors.get('half')?.shape, [3, 2])

  const { offset, length } = file.tensors.get('full')!
  const whole = readFileSync(path)
  assert.deepEqual(new Float32Array(whole.buffer.slice(whole.byteOffset).slice(offset, offset + length)), data)
  const starts = [...file.tensors.values()].map((info) => info.offset)
  assert.equal(Math.min(...starts) % 64, 0)
})

test('a view into a larger buffer is written alone', async (t) => {
  const path = join(await folder(t), 'a.safetensors')
  const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3)
  writeSafetensors(path, { a: { dtype: 'F32', shape: [2], data }, b: { dtype: 'BF16', shape: [2], data } })
  assert.deepEqual([...openSafetensors(path).read('a'), ...openSafetensors(path).read('b')], [1, 2, 1, 2])
})

test('shards are one checkpoint', async (t) => {
  const path = await folder(t)
  const one = (value: number) => ({ dtype: 'F32', shape: [1], data: Float32Array.of(value) }) as const
  writeSafetensors(join(path, 'm-00001-of-00002.safetensors'), { 'a.weight': one(1), 'b.weight': one(2) })
  writeSafetensors(join(path, 'm-00002-of-00002.safetensors'), { 'c.weight': one(3) })
  const index = (map: Record<string, string>) =>
    writeFileSync(join(path, 'm.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }))

  const [first, second] = ['m-00001-of-00002.safetensors', 'm-00002-of-00002.safetensors']
  index({ 'a.weight': first, 'b.weight': first, 'c.weight': second })
  const whole = openCheckpoint(path, 'm')
  assert.deepEqual(
    [...whole.tensors.keys()].map((name) => whole.read(name)[0]),
    [1, 2, 3],
  )
  assert.equal(whole.tensors.get('c.weight')?.path, join(path, second))

  index({ 'a.weight': second })
  assert.throws(() => openCheckpoint(path, 'm'), /index\.json: tensor 'a\.weight': m-00002.* does not hold it/)
  index({ 'a.weight': '../m-00001-of-00002.safetensors' })
  assert.throws(() => openCheckpoint(path, 'm'), /'\.\.\/m-00001-of-00002\.safetensors' is no file name/)
  for (const name of ['..', '', 'a\0b', '/etc/passwd']) {
    index({ 'a.weight': name })
    assert.throws(() => openCheckpoint(path, 'm'), /tensor 'a\.weight': '.*' is no file name of a shard/)
  }
  index({ 'a.weight': first, 'c.weight': 'm-00003-of-00003.safetensors' })
  assert.throws(() => openCheckpoint(path, 'm'), /m-00003-of-00003\.safetensors: cannot be opened: ENOENT/)
  assert.throws(() => openCheckpoint(path, 'absent'), /ENOENT.*absent\.safetensors/)
})

test('what is no file is not waited for', { timeout: 5000 }, async (t) => {
  const path = await folder(t)
  mkdirSync(join(path, 'a.safetensors'))
  execFileSync('mkfifo', [join(path, 'b.safetensors')])
  for (const base of ['a', 'b', 'a\0']) {
    assert.throws(
      () => openCheckpoint(path, base),
      (error) => error instanceof SafetensorsError && /is no file|cannot be opened/.test(error.message),
    )
  }
})

test('a malformed file is refused with its name, the tensor and the values seen', async (t) => {
  const path = join(await folder(t), 'bad.safetensors')
  const deep = `{"x": {"dtype": "F32", "shape": ${'['.repeat(1e5)}${']'.repeat(1e5)}}}`
  const entry = (change: object) => ({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change } })
  const cases: [header: unknown, bytes: number, problem: RegExp][] = [
    ['{"x":', 8, /bad\.safetensors: no JSON/],
    ['[1, 2, 3]', 8, /no object/],
    [{ x: 3 }, 8, /tensor 'x': its entry is no object/],
    [entry({ dtype: 'F8' }), 8, /tensor 'x': dtype "F8" is none of F64/],
    [entry({ dtype: 'toString' }), 8, /dtype "toString"/],
    [entry({ shape: [-2] }), 8, /shape \[-2\]/],
    [entry({ shape: 2 }), 8, /shape 2/],
    [entry({ shape: [3] }), 8, /F32 \[3\] takes 12 bytes, not 8/],
    [entry({ data_offsets: [8, 0] }), 8, /bytes 8 to 0/],
    [entry({ data_offsets: [0.5, 8.5] }), 8, /data_offsets \[0\.5,8\.5\]/],
    [entry({}), 7, /bytes 0 to 8 are not within the 7 bytes of data/],
    [{ ...entry({}), y: { dtype: 'U8', shape: [4], data_offsets: [4, 8] } }, 8, /'y': its bytes overlap those of 'x'/],
    [{ __metadata__: [1] }, 8, /__metadata__ is no object/],
    [{ __metadata__: { a: { toString: 1 } } }, 8, /__metadata__ holds \{"toString":1\} for 'a'/],
    ['{"x": {"x": 1}, "\\u0078" : {}}', 8, /tensor 'x': is there more than once/],
    [deep, 8, /shape \[\[\[\[\[…\]\]\]\]\] is no list/],
    [entry({ dtype: 'F'.repeat(1e6) }), 8, /dtype "F{79}… \(1000002 characters\)/],
    [entry({ shape: [2 ** 52, 2 ** 52, 2 ** 52] }), 8, /takes 3\.6\d+e\+47 bytes, not 8/],
    [entry({ data_offsets: [0, 2 ** 53] }), 8, /data_offsets \[0,9007199254740992\] are no range/],
    [Buffer.from('{"\xff": {}}', 'latin1'), 8, /no JSON: .*utf-8/],
  ]
  for (const [header, bytes, problem] of cases) {
    handmade(path, header, bytes)
    assert.throws(
      () => openSafetensors(path),
      (error) => error instanceof SafetensorsError && problem.test(error.message),
    )
  }
  writeFileSync(path, 'abc')
  assert.throws(() => openSafetensors(path), /3 bytes are too few/)
  writeFileSync(path, Buffer.alloc(64, 0xff))
  assert.throws(() => openSafetensors(path), /a header of 18446744073709552000 bytes in a file of 64/)
})

test('a tensor that is not there, or no longer there, is an error', async (t) => {
  const path = handmade(
    join(await folder(t), 'a.safetensors'),
    { x: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } },
    4,
  )
  const file = openSafetensors(path)
  assert.throws(() => file.read('y'), /tensor 'y': not among its 1 tensors/)
  truncateSync(path, readFileSync(path).length - 1)
  assert.throws(() => file.read('x'), /tensor 'x': the file ends at byte/)
})

test('a failed write leaves the old file and no rest', async (t) => {
  const path = await folder(t)
  const file = join(path, 'a.safetensors')
  writeSafetensors(file, { x: { dtype: 'U8', shape: [1], data: Uint8Array.of(7) } })
  assert.throws(
    () => writeSafetensors(file, { x: { dtype: 'F16', shape: [3], data: Float32Array.of(1, 2) } }),
    /tensor 'x': F16 \[3\] takes 6 bytes, not 4/,
  )
  assert.deepEqual(openSafetensors(file).read('x'), Float32Array.of(7))
  mkdirSync(join(path, 'taken'))
  assert.throws(() => writeSafetensors(join(path, 'taken'), {}), /EISDIR|ENOTEMPTY|EEXIST/)
  assert.deepEqual(readdirSync(path).sort(), ['a.safetensors', 'taken'])
})
