import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readBankHeader } from '../../../contract/bank.ts'
import { copyModel, editJson, fillTensor, sd15 } from '../../../test/model-folder.ts'
import { readImage } from '../engine/io/png.ts'
import { writeSafetensors } from '../engine/io/safetensors.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const good = JSON.stringify({ frames: [{ prompt: 'one' }, { prompt: 'two' }], width: 64, height: 72 })

test('every line becomes a folder of frames, a storyboard and a result; flags win over lines', async (t) => {
  const { run, folder } = await setUp(t)
  const { code, stderr } = await run(`${good}\n\n${good}\n`, '--seed', '9', '--steps', '2')
  assert.equal(code, 0, stderr)
  assert.deepEqual((await readdir(join(folder, 'out'))).sort(), ['1', '3'])
  const files = ['frame-0.png', 'frame-1.png', 'result.json', 'storyboard.png']
  assert.deepEqual((await readdir(join(folder, 'out/3'))).sort(), files)
  const result = JSON.parse(await readFile(join(folder, 'out/3/result.json'), 'utf8'))
  assert.deepEqual([result.line, result.seed, result.request.steps, result.frames.length], [3, 9, 2, 2])
  assert.deepEqual([result.frames[1].width, result.frames[1].height, result.frames[1].prompt], [64, 72, 'two'])
})

test('--book makes a picture book of each story, in the formats that are named', async (t) => {
  const { run, folder } = await setUp(t)
  const { code, stderr } = await run(good, '--book', 'epub,PDF', '--steps', '1')
  assert.equal(code, 0, stderr)
  const [pdf, epub] = await Promise.all(['pdf', 'epub'].map((format) => readFile(join(folder, `out/1/book.${format}`))))
  assert.match(pdf!.toString('latin1'), /^%PDF-[\s\S]*\/PageLayout \/TwoPageRight[\s\S]*%%EOF\n$/)
  assert.equal(epub!.toString('latin1', 30, 58), 'mimetypeapplication/epub+zip')
  const result = JSON.parse(await readFile(join(folder, 'out/1/result.json'), 'utf8'))
  assert.deepEqual(result.books, ['book.epub', 'book.pdf'])
})

test('invalid lines are named with their pointers, and nothing is sampled', async (t) => {
  const { run, folder } = await setUp(t)
  const { code, stderr } = await run(`${good}\n{"frames":[]}\n{oops\n{"frames":[{"prompt":"x"}],"stepz":3}`)
  assert.equal(code, 1)
  assert.match(stderr, /^line 2: \/frames: at least 1 frame$/m)
  assert.match(stderr, /^line 3: not JSON/m)
  assert.match(stderr, /^line 4: \/stepz: unknown field$/m)
  assert.equal(existsSync(join(folder, 'out')), false)
})

test('a story that the model rejects is named, and the others are still generated', async (t) => {
  const { run, folder } = await setUp(t)
  const { code, stderr } = await run(`{"frames":[{"prompt":"x"}],"scheduler":"unheard-of"}\n${good}`)
  assert.equal(code, 1)
  assert.match(stderr, /line 1: scheduler: 'unheard-of'/)
  assert.ok(existsSync(join(folder, 'out/2/result.json')))
})

test('bad flags: what is wrong, how it is used, exit 2', async (t) => {
  const { run } = await setUp(t)
  for (const [flags, message] of [
    [['--steps', '0'], /--steps must be a whole number from 1 to 100, not '0'/],
    [['--seed', 'abc'], /--seed must be a whole number from 0, not 'abc'/],
    [['--device', 'abacus'], /--device is 'abacus'; one of cpu, webgpu, cuda/],
    [['--lora', 'a.safetensors:much'], /LoRA a\.safetensors:much: 'much' is no scale/],
    [['--book', 'pdf,mobi'], /--book is 'pdf,mobi'; pdf, epub or both with a comma between are wanted/],
    [['--threads', 'all'], /number of threads must be from 1 to 256, not 'all'/],
    [['--stepz', '3'], /Unknown option '--stepz'/],
  ] as const) {
    const { code, stderr } = await run(good, ...flags)
    assert.equal(code, 2)
    assert.match(stderr, message)
    assert.match(stderr, /npm run generate -- --in/)
  }
})

test('an SD folder as users have it, with a LoRA file', async (t) => {
  const { run, folder } = await setUp(t)
  const lora = join(folder, 'style.safetensors')
  const layer = 'unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora'
  const wave = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i))
  writeSafetensors(lora, {
    [`${layer}_A.weight`]: { dtype: 'F32', shape: [2, 32], data: wave(64) },
    [`${layer}_B.weight`]: { dtype: 'F32', shape: [32, 2], data: wave(64) },
  })
  const story = JSON.stringify({ frames: [{ prompt: 'a red fox' }], steps: 2, seed: 1 })
  const usual = { FABLEFRAME_MODEL_MODULE: undefined }
  const picture = async (...flags: string[]) => {
    const { code, stderr } = await run({ input: story, env: usual }, '--model', sd15, ...flags)
    assert.equal(code, 0, stderr)
    return readFile(join(folder, 'out/1/frame-0.png'))
  }
  const plain = await picture()
  assert.notDeepEqual(await picture('--lora', `${lora}:0.5`), plain)
  assert.deepEqual(await picture('--lora', `${lora}:0`), plain)
  const missing = await run({ input: story, env: usual }, '--model', sd15, '--lora', join(folder, 'none.safetensors'))
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /could not be opened: .*none\.safetensors/)
})

test('what the model makes nothing of is printed and kept: cut ends, pictures it cannot read, frames of nobody', async (t) => {
  const { run, folder } = await setUp(t)
  const fern = { id: 'fern', name: 'Fern', description: 'a red fox', references: ['data:image/png;base64,AAAA'] }
  const frames = [{ prompt: `Fern counts ${'12'.repeat(400)}` }, { prompt: 'a hill' }]
  const input = JSON.stringify({ characters: [fern], frames, steps: 1, consistency: { min_score: 0.5 } })
  const { code, stderr } = await run({ input, env: { FABLEFRAME_MODEL_MODULE: undefined } }, '--model', sd15)
  assert.equal(code, 0, stderr)
  const { warnings } = JSON.parse(await readFile(join(folder, 'out/1/result.json'), 'utf8'))
  assert.deepEqual(
    warnings.map((warning: string) => warning.split(':')[0]),
    ['/frames/1/prompt', '/characters/0/references', '/consistency/min_score', '/frames/0/prompt'],
  )
  assert.match(warnings[3], /pipeline reads 600 tokens of a prompt, .*; cut is "/)
  for (const warning of warnings) assert.ok(stderr.includes(`line 1: ${warning}\n`), warning)
  assert.equal(stderr.match(/min_score/g)?.length, 1, stderr)
})

test('a model that cannot work, or breaks on the way: a sentence and exit 1, no stack', async (t) => {
  const { run } = await setUp(t)
  const story = {
    input: good.replace('"width":64,"height":72', '"steps":2'),
    env: { FABLEFRAME_MODEL_MODULE: undefined },
  }
  const failing = async (change: (folder: string) => void, reason: RegExp) => {
    const model = copyModel(t, sd15)
    change(model)
    const { code, stderr } = await run(story, '--model', model)
    assert.equal(code, 1)
    assert.match(stderr, reason)
    assert.doesNotMatch(stderr, /^\s+at /m)
  }
  const unknown = (folder: string) =>
    editJson(join(folder, 'scheduler/scheduler_config.json'), { _class_name: 'NoneScheduler' })
  await failing(unknown, /could not be opened: .*scheduler_config\.json: no scheduler "NoneScheduler"/)
  const broken = (folder: string) =>
    fillTensor(join(folder, 'unet/diffusion_pytorch_model.safetensors'), 'conv_out.bias', Number.NaN)
  await failing(broken, /^line 1: unet, step 1: tensor 'conv_out\.bias' in .* is not finite/m)
})

test('--bank: a character of one line is known to the next, and to a later call', async (t) => {
  const { run, folder } = await setUp(t)
  const bank = join(folder, 'kept/bank.safetensors')
  const first = {
    characters: [{ id: 'fox', name: 'Fern', description: 'a red fox' }],
    frames: [{ prompt: 'Fern waves' }],
  }
  const next = { frames: [{ prompt: 'Fern sleeps' }] }
  const lines = (...stories: object[]) => ({
    input: stories.map((story) => JSON.stringify({ ...story, seed: 1 })).join('\n'),
    env: { FABLEFRAME_MODEL_MODULE: undefined },
  })
  const flags = ['--model', sd15, '--steps', '2']
  const picture = async (line: number) => readFile(join(folder, `out/${line}/frame-0.png`))
  const done = async (...args: Parameters<typeof run>) => {
    const { code, stderr } = await run(...args)
    assert.equal(code, 0, stderr)
  }
  await done(lines(first, next), ...flags, '--bank', bank)
  const [kept, known] = [await readFile(bank), await picture(2)]
  assert.deepEqual(readBankHeader(kept).cast, [{ ...first.characters[0], identity: null }])
  await done(lines(next), ...flags, '--bank', bank)
  assert.ok(known.equals(await picture(1)))
  assert.ok(kept.equals(await readFile(bank)))
  await done(lines(next), ...flags)
  assert.ok(!known.equals(await picture(1)))
  await writeFile(bank, 'no bank')
  const { code, stderr } = await run(lines(next), ...flags, '--bank', bank)
  assert.equal(code, 1)
  assert.match(stderr, /line 1: \/bank: .*safetensors|header/)
})

test('a disk that is full: whole files or none, and the last line says what is missing', async (t) => {
  const { folder, run } = await setUp(t)
  const disk = join(folder, 'disk')
  await mkdir(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk], { encoding: 'utf8' })
  if (mounted.status !== 0) return t.skip(`no small disk can be mounted here: ${mounted.stderr ?? mounted.error}`)
  try {
    const out = join(disk, 'out')
    const { code, stderr } = await run(`${good}\n${good}\n${good}`, '--out', out)
    assert.equal(code, 1, stderr)
    assert.match(stderr, /^line 1: no space is left for .*storyboard\.png$/m)
    const missing = `Missing of 3 stories in ${out}: line 1 (2 of 2 frames are there), line 2, line 3\n`
    assert.ok(stderr.endsWith(missing), stderr)
    assert.doesNotMatch(stderr, /^\s+at /m)
    const files = await readdir(join(out, '1'))
    assert.deepEqual(files.sort(), ['frame-0.png', 'frame-1.png'])
    for (const file of files) await readImage(await readFile(join(out, '1', file)))
  } finally {
    spawnSync('umount', [disk])
  }
})

test('a file that may not grow: nothing of it stays, and an older result does not pass for a new one', async (t) => {
  const { folder, args } = await setUp(t)
  const line = join(folder, 'out/1')
  await mkdir(line, { recursive: true })
  for (const name of ['result.json', 'storyboard.png']) await writeFile(join(line, name), 'of an earlier run')
  const limited = 'trap "" XFSZ; ulimit -f 4; exec "$@"'
  const { env, command } = args()
  const { status, stderr } = spawnSync('bash', ['-c', limited, 'bash', ...command], {
    env,
    input: good,
    encoding: 'utf8',
  })
  assert.equal(status, 1, stderr)
  assert.match(stderr, /^line 1: .*storyboard\.png would be larger than is allowed here$/m)
  assert.match(stderr, /Missing of 1 story in .*: line 1 \(2 of 2 frames are there\)\n$/)
  assert.deepEqual((await readdir(line)).sort(), ['frame-0.png', 'frame-1.png', 'storyboard.png'])
  assert.equal(await readFile(join(line, 'storyboard.png'), 'utf8'), 'of an earlier run')
})

test('--out that is a file, and input that is not there: a sentence, no stack', async (t) => {
  const { folder, run } = await setUp(t)
  const file = join(folder, 'drawing.json')
  const { code, stderr } = await run(good, '--out', file)
  assert.equal(code, 1)
  assert.equal(stderr, `--out: ${file} cannot be made: there is a file where a folder is needed\n`)
  const missing = await run(good, '--in', join(folder, 'none.jsonl'))
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /^generate: --in: .*none\.jsonl does not exist\n/)
})

async function setUp(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'generate-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'drawing.json'), '{}')
  const env = { ...process.env, FABLEFRAME_MODEL_MODULE: path('../../../test/drawing-model.ts') }
  const call = (...flags: string[]) => [
    path('generate.ts'),
    ...['--in', '-', '--out', join(folder, 'out'), '--model', folder],
    ...flags,
  ]
  return {
    folder,
    /** What another program needs to start it. */
    args: () => ({ env, command: [process.execPath, ...call()] }),
    async run(given: string | { input: string; env: Record<string, string | undefined> }, ...flags: string[]) {
      const { input, env: own } = typeof given === 'string' ? { input: given, env: {} } : given
      const args = call(...flags)
      const child = spawn(process.execPath, args, { env: { ...env, ...own }, stdio: ['pipe', 'ignore', 'pipe'] })
      child.stdin.on('error', () => {}).end(input) // closed early where the flags are wrong
      const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
      return { code, stderr }
    },
  }
}
