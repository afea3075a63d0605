/** Whether words that stand for nothing change a picture: each story is generated with and without them. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Picture, resized } from '../../engine/io/png.ts'
import { writeJson } from '../../engine/io/whole-file.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { type Judges, likeliest, type Readings, type Verdict } from '../judges/judges.ts'
import { fillerWords } from '../storydb/everyday.ts'
import type { Attribute } from '../storydb/vocabulary.ts'
import type { ArmName } from './arms.ts'
import { generateStory } from './generate.ts'
import { evaluationStory, type StoryOptions } from './stories.ts'

export interface FillerOptions extends StoryOptions {
  pipeline: Pipeline
  judges: Judges
  /** One that needs no reference pictures. */
  arm: ArmName
  stories: number
  /** Outside words that are put behind each prompt. */
  words: number
  /** `filler-words.json` is written here. */
  out: string
  signal: AbortSignal
}

export interface FillerReport {
  model: string
  level: number
  stories: number
  words: number
  /** Share of readings that differ, of all characters and scenes, and by attribute. */
  changed: number
  attributes: Record<string, number>
}

/** Judges read pictures of this many pixels a side. */
const size = 128

/** Yields how many stories are done; the file is there when it ends. */
export async function* fillerStudy(options: FillerOptions): AsyncGenerator<number, FillerReport> {
  const { pipeline, judges, arm, stories, words, out, seed, level, signal } = options
  const counts = new Map<string, { changed: number; all: number }>()
  for (let index = 0; index < stories; index++) {
    signal.throwIfAborted()
    const { request, frames } = evaluationStory(index, options)
    const people = frames.map(({ actors }) => actors.length)
    const withFillers = request.frames.map((frame, f) => ({
      ...frame,
      prompt: `${frame.prompt} ${fillerWords(seed + 1000 * index + f, words)}`.trim(),
    }))
    const verdicts = []
    for (const story of [request, { ...request, frames: withFillers }]) {
      const { pictures } = await generateStory(options, arm, index, story, [])
      verdicts.push(await judges.judge(await fitted(pictures), people))
    }
    for (const f of frames.keys()) compare(counts, verdicts[0]![f]!, verdicts[1]![f]!)
    yield index + 1
  }
  const totals = [...counts.values()]
  const sum = (of: 'changed' | 'all') => totals.reduce((total, count) => total + count[of], 0)
  const report: FillerReport = {
    ...{ model: pipeline.name, level, stories, words, changed: sum('changed') / Math.max(1, sum('all')) },
    attributes: Object.fromEntries([...counts].map(([name, { changed, all }]) => [name, changed / all])),
  }
  await mkdir(out, { recursive: true })
  await writeJson(join(out, 'filler-words.json'), report)
  return report
}

const fitted = (pictures: readonly Picture[]) => Promise.all(pictures.map((picture) => resized(picture, size, size)))

/** Characters stand in the order of the prompt from the left, so the n-th of one picture is the n-th of the other. */
function compare(counts: Map<string, { changed: number; all: number }>, a: Verdict, b: Verdict): void {
  const count = (name: string, differs: boolean) => {
    const known = counts.get(name) ?? { changed: 0, all: 0 }
    counts.set(name, { changed: known.changed + Number(differs), all: known.all + 1 })
  }
  const readings = (x: Readings, y: Readings) => {
    for (const name of Object.keys(x) as Attribute[]) count(name, likeliest(x, name) !== likeliest(y, name))
  }
  readings(a.scene, b.scene)
  for (const [i, one] of a.characters.entries()) {
    const other = b.characters[i]
    count('found', Boolean(one) !== Boolean(other))
    if (one && other) readings(one.readings, other.readings)
  }
}
