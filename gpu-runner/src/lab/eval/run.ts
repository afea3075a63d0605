/** An evaluation: every arm generates each story with the same seed; judges compare it with the renderer's pictures. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoryRequest } from '../../../../contract/story.ts'
import { type Picture, resized } from '../../engine/io/png.ts'
import { writeJson, writeWhole } from '../../engine/io/whole-file.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { areaMask, wholePlanes } from '../../story/measures/pictures.ts'
import { factsOf } from '../../story/model-facts.ts'
import { contactSheet, type SheetCell } from '../../story/page/sheet.ts'
import { settingsOf } from '../../story/plan/settings.ts'
import type { JudgesAccuracy } from '../judges/accuracy.ts'
import type { Judges, Sighting } from '../judges/judges.ts'
import { sides } from '../judges/networks.ts'
import type { Level } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'
import type { ArmName } from './arms.ts'
import { generateStory, type StoryPictures } from './generate.ts'
import { EvaluationReport, reportTable, summarise } from './report.ts'
import { type StoryScore, scoreStory } from './score.ts'
import { type Descriptions, type EvaluationStory, evaluationStory, portraitFrame, referencePicture } from './stories.ts'

export interface EvaluationOptions {
  pipeline: Pipeline
  judges: Judges
  accuracy: JudgesAccuracy
  arms: readonly ArmName[]
  stories: number
  frames: number
  seed: number
  level: Level
  descriptions: Descriptions
  /** Undefined for what the model was trained for. */
  layout?: StoryRequest['consistency']['layout']
  /** Undefined for the model's usual number. */
  steps?: number | undefined
  /** `report.json`, `report.md` and `sheets/` are written here. */
  out: string
  signal: AbortSignal
}

/** Renders are made, and pictures compared, in this many pixels a side. */
const size = 128
/** Stories whose pictures are kept. */
const keptSheets = 24

/**
 * Yields how many stories have been generated, of all arms together; the files are there when it ends. Stopped by its
 * signal it reports on the stories that all arms have generated, and throws when there is none.
 */
export async function* evaluate(options: EvaluationOptions): AsyncGenerator<number, EvaluationReport> {
  const { stories, out, signal } = options
  if (!options.judges.knows(options.level))
    throw new Error(`these judges were trained on fewer values than level ${options.level} shows; train them anew`)
  await mkdir(join(out, 'sheets'), { recursive: true })
  const scores = new Map<ArmName, StoryScore[]>(options.arms.map((name) => [name, []]))
  const ceilings: StoryScore[] = []
  for (let index = 0; index < stories; index++) {
    const row: Judged[] = []
    try {
      for await (const judged of generateAll(options, index)) {
        row.push(judged)
        if (judged.name !== 'renderer') yield index * options.arms.length + row.length - 1
      }
    } catch (error) {
      if (signal.aborted && ceilings.length > 0) break
      throw error
    }
    for (const { name, score } of row) (name === 'renderer' ? ceilings : scores.get(name)!).push(score)
    const cells: SheetCell[] = row.flatMap(({ name, pictures }) =>
      pictures.map((picture, i) => ({ ...picture, caption: i === 0 ? name : '' })),
    )
    const file = join(out, 'sheets', `story-${String(index).padStart(3, '0')}.png`)
    if (index < keptSheets) await writeWhole(file, await contactSheet(cells, options.frames))
  }
  const report = EvaluationReport.parse({
    model: options.pipeline.name,
    seed: options.seed,
    stories: ceilings.length,
    frames: options.frames,
    level: options.level,
    descriptions: options.descriptions,
    sampling: samplingOf(options),
    judges: options.accuracy,
    arms: Object.fromEntries([...scores].map(([name, own]) => [name, summarise(own, ceilings)])),
  })
  await writeJson(join(out, 'report.json'), report)
  await writeWhole(join(out, 'report.md'), reportTable(report))
  return report
}

/** What no arm changes. */
function samplingOf(options: EvaluationOptions): EvaluationReport['sampling'] {
  const settings = settingsOf(evaluationStory(0, options).request, null, factsOf(options.pipeline))
  const { steps, guidance_scale, guidance_interval } = settings
  return { steps, guidance_scale, guidance_interval }
}

/** One story as an arm or the renderer shows it, and its scores. */
interface Judged {
  name: ArmName | 'renderer'
  pictures: readonly Picture[]
  score: StoryScore
}

/** Story `index`, by the renderer and then by each arm. */
async function* generateAll(options: EvaluationOptions, index: number): AsyncGenerator<Judged> {
  const { judges, signal } = options
  const story = evaluationStory(index, options)
  const { cast, frames } = story
  const pictures = await Promise.all(cast.map((_, character) => referencePicture(story, character, size)))
  // The first story of a model pays for opening it, and is generated once for nothing.
  if (index === 0) await generateStory(options, options.arms[0]!, 0, { ...story.request, steps: 1 }, pictures)
  const references = await referenceSightings(judges, story)
  const judged = async (name: Judged['name'], { pictures, maps, seconds }: StoryPictures): Promise<Judged> => {
    const fitted = await Promise.all(pictures.map((picture) => resized(picture, size, size)))
    const verdicts = await judges.judge(
      fitted,
      frames.map(({ actors }) => actors.length),
    )
    const planes = fitted.map(({ rgb }) => wholePlanes({ rgb, size }, sides.map))
    return { name, pictures, score: scoreStory({ cast, frames, verdicts, planes, references, maps, seconds }) }
  }
  yield judged('renderer', renderStory(story))
  for (const name of options.arms) {
    signal.throwIfAborted()
    yield judged(name, await generateStory(options, name, index, story.request, pictures))
  }
}

/** The story as the renderer draws it, with its own masks in place of a model's maps. */
function renderStory({ frames, cast }: EvaluationStory): StoryPictures {
  const from = performance.now()
  const rendered = frames.map((frame) => renderFrame(frame, size))
  const seconds = (performance.now() - from) / 1000
  return {
    pictures: rendered.map(({ rgb }) => ({ rgb, width: size, height: size })),
    maps: rendered.map(({ characters }, f) =>
      cast.map((identity) => {
        const at = frames[f]!.actors.findIndex((actor) => actor.identity === identity)
        return at < 0 ? null : areaMask(characters[at]!.mask, size, sides.map)
      }),
    ),
    seconds,
  }
}

async function referenceSightings(judges: Judges, story: EvaluationStory): Promise<(Sighting | null)[]> {
  const pictures = story.cast.map((_, character) => ({
    rgb: renderFrame(portraitFrame(story, character), size).rgb,
    width: size,
    height: size,
  }))
  const verdicts = await judges.judge(
    pictures,
    pictures.map(() => 1),
  )
  return verdicts.map(({ characters }) => characters[0] ?? null)
}
