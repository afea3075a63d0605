/**
 * Frames for people to judge who do not know which arm they are of: one page with a form, frames in random order, and a
 * key that says what each of them is.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { encodePng } from '../../engine/io/png.ts'
import { writeJson, writeWhole } from '../../engine/io/whole-file.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import type { Level } from '../storydb/levels.ts'
import { random, shuffled } from '../storydb/random.ts'
import { type ArmName, arms } from './arms.ts'
import { generateStory } from './generate.ts'
import { evaluationStory, referencePicture, type StoryOptions } from './stories.ts'

/** What may be wrong with a frame; nothing ticked is nothing wrong. */
const faults = ['figures', 'species', 'place', 'action', 'prop', 'colour', 'face', 'limbs'] as const

const Key = z.array(z.object({ number: z.int(), arm: z.string(), story: z.int(), frame: z.int() }))
const Answers = z.record(z.string(), z.array(z.enum(faults)))

export interface BlindSheetOptions extends Omit<StoryOptions, 'steps'> {
  pipeline: Pipeline
  arms: readonly ArmName[]
  level: Level
  steps?: number | undefined
  /** Frames on the sheet. */
  count: number
  /** `sheet.html` and `key.json` are written here. */
  out: string
  signal: AbortSignal
}

interface SheetFrame {
  arm: ArmName
  story: number
  frame: number
  png: Buffer
  /** What it should show, in the words that the model was given. */
  expected: string
}

/** Yields how many frames there are so far; the files are there when it ends. Arms take turns, a story each. */
export async function* blindSheet(options: BlindSheetOptions): AsyncGenerator<number, void> {
  const { count, out, seed, signal } = options
  await mkdir(out, { recursive: true })
  const frames: SheetFrame[] = []
  for (let story = 0; frames.length < count; story++) {
    signal.throwIfAborted()
    frames.push(...(await storyFrames(options, story)))
    yield Math.min(frames.length, count)
  }
  const mixed = shuffled(random(seed, 60), frames.slice(0, count))
  const key = mixed.map(({ arm, story, frame }, i) => ({ number: i + 1, arm, story, frame }))
  await writeJson(join(out, 'key.json'), key, 1)
  await writeWhole(join(out, 'sheet.html'), page(mixed))
}

async function storyFrames(options: BlindSheetOptions, index: number): Promise<SheetFrame[]> {
  const arm = options.arms[index % options.arms.length]!
  const story = evaluationStory(index, options)
  const pictures = arms[arm].references
    ? await Promise.all(story.cast.map((_, character) => referencePicture(story, character, 128)))
    : []
  const generated = await generateStory(options, arm, index, story.request, pictures)
  const cast = story.request.characters.map(({ name, description }) => `${name}: ${description}`)
  return Promise.all(
    generated.pictures.map(async (picture, frame) => {
      const { prompt } = story.request.frames[frame]!
      const present = cast.filter((_, i) => prompt.includes(story.request.characters[i]!.name))
      return { arm, story: index, frame, png: await encodePng(picture), expected: [prompt, ...present].join('\n') }
    }),
  )
}

/** How often each fault was ticked by arm, and how many frames have none, as a table in Markdown. */
export async function countFaults(folder: string, answersPath: string): Promise<string> {
  const key = await readJson(Key, join(folder, 'key.json'), 'no key')
  const answers = await readJson(Answers, answersPath, 'no answers')
  const judged = key.filter(({ number }) => answers[number])
  const rows = [...new Set(judged.map(({ arm }) => arm))].map((arm) => {
    const own = judged.filter((one) => one.arm === arm).map(({ number }) => answers[number]!)
    const wrong = faults.map((fault) => own.filter((ticked) => ticked.includes(fault)).length)
    return [arm, own.length, own.filter((ticked) => ticked.length === 0).length, ...wrong]
  })
  const head = ['arm', 'frames', 'nothing wrong', ...faults]
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('')
}

async function readJson<T>(schema: z.ZodType<T>, path: string, otherwise: string): Promise<T> {
  const text = await readFile(path, 'utf8')
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : []
    const why = issue ? `${issue.path.join('.')}: ${issue.message}` : 'it is not JSON'
    throw new Error(`${path} holds ${otherwise}: ${why}`)
  }
}

function page(frames: readonly SheetFrame[]): string {
  const items = frames.map(({ png, expected }, i) => {
    const boxes = faults.map((fault) => `<label><input type="checkbox" value="${fault}"> ${fault}</label>`).join('\n')
    return `<section data-number="${i + 1}">
<h2>${i + 1}</h2>
<img alt="frame ${i + 1}" src="data:image/png;base64,${png.toString('base64')}">
<pre>${escaped(expected)}</pre>
<div>${boxes}
<label><input type="checkbox" value="" class="seen"> seen</label></div>
</section>`
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>What is wrong with these frames?</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
section { display: grid; grid-template-columns: 3rem 256px 1fr; gap: 0 1rem; margin: 2rem 0 }
img { width: 256px; height: 256px; image-rendering: auto; grid-row: span 2 }
h2 { grid-row: span 2; margin: 0 }
pre { white-space: pre-wrap; font: inherit; margin: 0 }
label { display: inline-block; margin-right: 1rem }
</style>
<h1>What is wrong with these frames?</h1>
<p>Under each number stand the prompt and what its characters look like. Tick what is wrong: the number of
<b>figures</b>, a <b>species</b>, the <b>place</b> (with time and weather), an <b>action</b>, a <b>prop</b>, a
<b>colour</b> of fur or clothes, a <b>face</b> that is none, broken <b>limbs</b>. Tick “seen” where nothing is wrong.</p>
${items.join('\n')}
<p><button>Save answers.json</button> <output></output></p>
<script>
const read = () => Object.fromEntries([...document.querySelectorAll('section')].flatMap((section) => {
  const ticked = [...section.querySelectorAll('input:checked')].map((input) => input.value)
  return ticked.length ? [[section.dataset.number, ticked.filter(Boolean)]] : []
}))
const show = () => {
  const answers = Object.values(read())
  document.querySelector('output').value =
    answers.length + ' judged, ' + answers.filter((ticked) => ticked.length === 0).length + ' with nothing wrong'
}
document.addEventListener('change', show)
document.querySelector('button').onclick = () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([JSON.stringify(read(), null, 1)], { type: 'application/json' }))
  link.download = 'answers.json'
  link.click()
}
show()
</script>
</html>
`
}

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[letter]!)
