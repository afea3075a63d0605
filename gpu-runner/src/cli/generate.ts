/**
 * `npm run generate -- --in stories.jsonl --out <folder>`: the sampling without any server. Every line is a story
 * request, the body of `POST /stories`; its pictures go to `<folder>/<line number>/`.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import { issuesOf } from '../../../contract/problem.ts'
import { LIMITS, StoryRequest } from '../../../contract/story.ts'
import { encodePng, readImage } from '../engine/io/png.ts'
import { writeJson, writeWhole } from '../engine/io/whole-file.ts'
import { devices, isDevice } from '../engine/runtime/device.ts'
import { withHugePages } from '../engine/runtime/huge-pages.ts'
import { parseLoraFile } from '../engine/runtime/lora.ts'
import { useThreads } from '../engine/runtime/threads.ts'
import { storyboardOf } from '../service/pages.ts'
import { type StoryModel, type StoryModelModule, StoryRejected } from '../story/types.ts'
import { makeBook, parseBookFormats } from './books.ts'
import { type Command, command, sentenceOf } from './command.ts'
import { progressBar } from './progress.ts'

const USAGE = `npm run generate -- --in <stories.jsonl, or - for standard input> --out <folder>
  [--model <folder or file>]     default: gpu-runner/models/story-mini
  [--steps <n>] [--seed <n>]     for every story, whatever its line says
  [--book pdf,epub]              a picture book of each story, to print or for e-readers
  [--bank <file>]                a character bank: keeps the characters from line to line, and for later
  [--lora <file>[:<scale>]]      as often as there are files; scale 1 unless given; 0.8/0.4 for UNet and text
  [--vae <folder or file>]       another VAE than the model's own
  [--unet <folder or file>]      another UNet, such as a distilled one
  [--ip-adapter <file>]          for reference pictures; by default one beside the model
  [--image-encoder <folder>]     that the adapter reads; by default image_encoder beside the model
  [--device cpu|webgpu|cuda]     default: cpu
  [--threads <n>]                default: FABLEFRAME_THREADS, or all cores`

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

interface Line {
  number: number
  request: StoryRequest
}

const cli: Command = command('generate', USAGE)
withHugePages()
const flags = readFlags()
const lines = parse(await readInput(flags.in), flags)
await mkdir(flags.out, { recursive: true }).catch((error) => fail(1, `--out: ${sentenceOf(error)}`))
const { openStoryModel } = await loadModule()
const { model: folder, device, loras, vae, unet, ipAdapter, imageEncoder } = flags
const model = await openStoryModel({ folder, device, loras, vae, unet, ipAdapter, imageEncoder }).catch((error) =>
  fail(1, `The model in ${flags.model} could not be opened: ${sentenceOf(error)}`),
)
const foreign = lines.filter(({ request }) => request.model !== null && request.model !== model.name)
if (foreign.length > 0)
  fail(1, ...foreign.map(({ number, request }) => wrong(number, '/model', `'${request.model}'; this is ${model.name}`)))
/** Lines without all of their pictures. */
const missing: string[] = []
for (const [i, line] of lines.entries()) {
  const done = { frames: 0 }
  try {
    await generate(model, line, done)
  } catch (error) {
    console.error(`line ${line.number}: ${sentenceOf(error)}`)
    missing.push(`${line.number} (${done.frames} of ${line.request.frames.length} frames are there)`)
    if (error instanceof StoryRejected) continue
    // Anything else would meet the next line too: broken weights, a lost device, a full disk.
    missing.push(...lines.slice(i + 1).map(({ number }) => String(number)))
    break
  }
}
await model.close()
if (missing.length > 0)
  fail(
    1,
    `Missing of ${lines.length} ${lines.length === 1 ? 'story' : 'stories'} in ${flags.out}: line ${missing.join(', line ')}`,
  )

/** Into a folder of its own. `result.json` comes last and is there only when all else is. */
async function generate(model: StoryModel, { number, request }: Line, done: { frames: number }): Promise<void> {
  const folder = join(flags.out, String(number))
  await mkdir(folder, { recursive: true })
  await rm(join(folder, 'result.json'), { force: true })
  const seed = request.seed ?? randomInt(2 ** 32)
  using bar = progressBar(`line ${number}`, 100, { percent: true })
  const frames: { index: number; prompt: string; file: string; width: number; height: number; seed: number }[] = []
  const pngs: Uint8Array[] = []
  const started = performance.now()
  let checked: ConsistencyReport | undefined
  let warnings: readonly string[] = []
  const bank = flags.bank !== undefined && existsSync(flags.bank) ? await readFile(flags.bank) : undefined
  for await (const event of model.generate(request, { seed, signal: new AbortController().signal, bank })) {
    if (event.type === 'warnings') warnings = event.warnings
    if (event.type === 'bank' && flags.bank !== undefined) await keepBank(flags.bank, event.bytes)
    if (event.type === 'step') bar(Math.round((90 * event.step) / event.steps), `· step ${event.step}/${event.steps}`)
    if (event.type === 'report') {
      checked = event.report
      await writeWhole(join(folder, 'consistency.png'), event.sheet)
      await writeJson(join(folder, 'consistency.json'), event.report)
    }
    if (event.type !== 'frame') continue
    const { index, width, height } = event.frame
    const file = `frame-${index}.png`
    pngs[index] = await encodePng(event.frame)
    await writeWhole(join(folder, file), pngs[index])
    done.frames++
    frames.push({ index, prompt: request.frames[index]?.prompt ?? '', file, width, height, seed: event.frame.seed })
    bar(
      90 + Math.floor((9 * frames.length) / request.frames.length),
      `· frame ${frames.length}/${request.frames.length}`,
    )
  }
  if (frames.length < request.frames.length)
    throw new Error(`the model ended after ${frames.length} of ${request.frames.length} frames`)
  const pictures = await Promise.all(pngs.map((png) => readImage(png)))
  await writeWhole(join(folder, 'storyboard.png'), await storyboardOf(request, pictures))
  for (const format of flags.books)
    await writeWhole(join(folder, `book.${format}`), await makeBook(format, request, pngs, pictures))
  const seconds = Math.round(performance.now() - started) / 1000
  const result = {
    line: number,
    model: model.name,
    seed,
    warnings,
    frames,
    storyboard: 'storyboard.png',
    books: flags.books.map((format) => `book.${format}`),
    seconds,
    request,
  }
  await writeJson(join(folder, 'result.json'), result)
  const score = checked?.score == null ? '' : ` · consistency ${checked.score}`
  bar(100, `· ${frames.length} frames in ${seconds} s${score}`)
  // The report says of min_score what the warnings may have said before.
  const reported = warnings.some((warning) => warning.startsWith('/consistency/min_score:')) ? [] : checked?.warnings
  for (const warning of [...warnings, ...(reported ?? [])]) console.error(`line ${number}: ${warning}`)
}

async function keepBank(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeWhole(path, bytes)
}

/** All lines, or an end with all that is wrong with them: nothing is sampled before everything is known to be right. */
function parse(input: string, { steps, seed }: typeof flags): Line[] {
  const lines: Line[] = []
  const problems: string[] = []
  for (const [i, source] of input.split('\n').entries()) {
    if (source.trim() === '') continue
    const number = i + 1
    let value: unknown
    try {
      value = JSON.parse(source)
    } catch (error) {
      problems.push(`line ${number}: not JSON: ${error instanceof Error ? error.message : error}`)
      continue
    }
    const parsed = StoryRequest.safeParse(value)
    if (parsed.success)
      lines.push({
        number,
        request: { ...parsed.data, steps: steps ?? parsed.data.steps, seed: seed ?? parsed.data.seed },
      })
    else problems.push(...issuesOf(parsed.error).map(({ pointer, message }) => wrong(number, pointer, message)))
  }
  if (problems.length > 0) fail(1, ...problems)
  if (lines.length === 0) fail(1, `${flags.in} has no story; one JSON object a line is wanted`)
  return lines
}

function readFlags() {
  const string = { type: 'string' } as const
  const options = {
    in: string,
    out: string,
    model: string,
    steps: string,
    seed: string,
    device: string,
    threads: string,
    bank: string,
    vae: string,
    unet: string,
    'ip-adapter': string,
    'image-encoder': string,
    book: string,
    lora: { ...string, multiple: true },
  } as const
  const { values } = cli.read(options)
  try {
    if (!values.in || !values.out) throw new Error('--in and --out are wanted')
    useThreads(values.threads)
    const device = values.device ?? 'cpu'
    if (!isDevice(device)) throw new Error(`--device is '${device}'; one of ${devices.join(', ')} is wanted`)
    return {
      in: values.in,
      out: resolve(values.out),
      model: resolve(values.model ?? here('../../models/story-mini')),
      device,
      bank: path(values.bank),
      vae: path(values.vae),
      unet: path(values.unet),
      ipAdapter: path(values['ip-adapter']),
      imageEncoder: path(values['image-encoder']),
      books: parseBookFormats(values.book),
      loras: (values.lora ?? []).map(parseLoraFile),
      steps: values.steps === undefined ? null : cli.whole('steps', values.steps, 1, LIMITS.steps),
      seed: values.seed === undefined ? null : cli.whole('seed', values.seed, 0),
    }
  } catch (error) {
    return cli.fail(sentenceOf(error))
  }
}

function path(value: string | undefined): string | undefined {
  return value === undefined ? undefined : resolve(value)
}

async function readInput(path: string): Promise<string> {
  if (path === '-') return text(process.stdin)
  return readFile(path, 'utf8').catch((error) => cli.fail(`--in: ${sentenceOf(error)}`))
}

/** FABLEFRAME_MODEL_MODULE names another module than the usual one, as it does for the runner. */
function loadModule(): Promise<StoryModelModule> {
  const { FABLEFRAME_MODEL_MODULE = here('../story/open.ts') } = process.env
  return import(pathToFileURL(resolve(FABLEFRAME_MODEL_MODULE)).href)
}

function wrong(line: number, pointer: string, message: string): string {
  return `line ${line}: ${pointer === '' ? 'the story' : pointer}: ${message}`
}

function fail(code: 1, ...messages: string[]): never {
  console.error(messages.join('\n'))
  process.exit(code)
}
