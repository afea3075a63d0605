/**
 * `npm run bench:held-out`: stories about characters that no model was trained on. Writes
 * `<out>/stories.jsonl` (for `npm run generate`) and `<out>/sheet.png`, a row a story, each frame under its prompt,
 * and prints JSON with the time each story took.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StoryRequest } from '../contract/story.ts'
import { type Command, command } from '../gpu-runner/src/cli/command.ts'
import { progressBar } from '../gpu-runner/src/cli/progress.ts'
import { writeWholeSync } from '../gpu-runner/src/engine/io/whole-file.ts'
import { useThreads } from '../gpu-runner/src/engine/runtime/threads.ts'
import { evaluationStory } from '../gpu-runner/src/lab/eval/stories.ts'
import { LEVELS, type Level } from '../gpu-runner/src/lab/storydb/levels.ts'
import { openStoryModel } from '../gpu-runner/src/story/open.ts'
import { contactSheet, type SheetCell } from '../gpu-runner/src/story/page/sheet.ts'
import { busyCores, machineFigures } from './machine.ts'

const cli: Command = command(
  'bench:held-out',
  `usage: npm run bench:held-out -- [--model <folder>] [--out out/held-out] [--stories 20] [--frames 4] [--seed 1]
         [--level 4] [--threads <n>]`,
)
const { values } = cli.read({
  model: { type: 'string', default: 'gpu-runner/models/story-mini' },
  out: { type: 'string', default: 'out/held-out' },
  stories: { type: 'string', default: '20' },
  frames: { type: 'string', default: '4' },
  seed: { type: 'string', default: '1' },
  level: { type: 'string', default: '4' },
  threads: { type: 'string' },
})
const count = cli.whole('stories', values.stories, 1)
const perStory = cli.whole('frames', values.frames, 1, 12)
const seed = cli.whole('seed', values.seed, 0)
const options = {
  seed,
  level: cli.whole('level', values.level, 1, LEVELS.length) as Level,
  frames: perStory,
  descriptions: 'full' as const,
}
const stories = Array.from({ length: count }, (_, i) => evaluationStory(i, options).request)
mkdirSync(values.out, { recursive: true })
writeWholeSync(join(values.out, 'stories.jsonl'), `${stories.map((story) => JSON.stringify(story)).join('\n')}\n`)

useThreads(values.threads)
const model = await openStoryModel({ folder: values.model, device: 'cpu' })
const show = progressBar('stories', count)
const cells: SheetCell[] = []
const seconds: number[] = []
const busy = busyCores()
for (const [i, request] of stories.entries()) {
  const from = performance.now()
  const own: SheetCell[] = []
  for await (const event of model.generate(request, { seed: seed + i, signal: new AbortController().signal }))
    if (event.type === 'frame') own.push({ ...event.frame, caption: caption(request, event.frame.index) })
  seconds.push((performance.now() - from) / 1000)
  cells.push(...own)
  show(i + 1)
}
const cores = busy()
await model.close()
writeWholeSync(join(values.out, 'sheet.png'), await contactSheet(cells, 2 * perStory))
seconds.sort((a, b) => a - b)
const medianSeconds = seconds[seconds.length >> 1]
const about = { model: model.name, ...machineFigures(), ...cores }
console.log(JSON.stringify({ ...about, stories: count, frames: perStory, medianSeconds }, null, 2))

function caption(request: StoryRequest, index: number): string {
  if (index > 0) return request.frames[index]!.prompt
  return request.characters.map(({ name, description }) => `${name}: ${description}`).join('; ')
}
