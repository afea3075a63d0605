/** `npm run eval`: how consistent, faithful and varied stories are, generated in several ways; see docs/evaluation.md. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Layout } from '../../../contract/story.ts'
import { openPipeline } from '../engine/pipeline/open.ts'
import { withHugePages } from '../engine/runtime/huge-pages.ts'
import { type ArmName, armNames, arms, isArm, textArms } from '../lab/eval/arms.ts'
import { blindSheet, countFaults } from '../lab/eval/blind-sheet.ts'
import { fillerStudy } from '../lab/eval/filler-words.ts'
import { evaluate } from '../lab/eval/run.ts'
import { descriptions } from '../lab/eval/stories.ts'
import { JudgesAccuracy } from '../lab/judges/accuracy.ts'
import { Judges } from '../lab/judges/judges.ts'
import { LEVELS, type Level } from '../lab/storydb/levels.ts'
import { type Command, command, sentenceOf } from './command.ts'
import { progressBar } from './progress.ts'

const usage = `usage: npm run eval -- --out <folder> [--model <folder>] [--judges <folder>] [--stories 20] [--frames 4]
         [--seed 1] [--level 1|2|3|4|5|6] [--descriptions full|species] [--layout columns|free] [--steps <n>]
         [--arms none,amsa,…]
       npm run eval -- --out <folder> --sheet [--count 60], and the options above: frames for people to judge
       npm run eval -- --out <folder> --filler-words 10, and the options above: what words that stand for nothing change
       npm run eval -- --out <folder> --answers <answers.json>: what they found
Arms, all by default: ${armNames.join(', ')}; those with id or regions and whole-picture want a
model that reads reference pictures.`

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const cli: Command = command('eval', usage)
withHugePages()
const flags = readFlags()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('stopped')))
try {
  if (flags.answers) process.stdout.write(await countFaults(flags.out, flags.answers))
  else if (flags.sheet) await makeSheet(flags.sheet)
  else if (flags.fillers) await studyFillers(flags.fillers)
  else await runEvaluation()
} catch (error) {
  cli.fail(sentenceOf(error), 1)
}

async function makeSheet(count: number): Promise<void> {
  const pipeline = await openPipeline(flags.model, { device: 'cpu' })
  const show = progressBar('frames', count)
  const chosen = flags.chosen ?? (['amsa'] as const)
  for await (const done of blindSheet({ ...flags, arms: chosen, pipeline, count, signal: stop.signal })) show(done)
  await pipeline.release()
  process.stdout.write(`${join(flags.out, 'sheet.html')} has ${count} frames; key.json beside it says what they are\n`)
}

async function studyFillers(words: number): Promise<void> {
  const judges = await Judges.open(flags.judges)
  const pipeline = await openPipeline(flags.model, { device: 'cpu' })
  const show = progressBar('stories', flags.stories)
  const study = fillerStudy({ ...flags, arm: 'amsa', pipeline, judges, words, signal: stop.signal })
  for await (const done of study) show(done)
  await pipeline.release()
  await judges.close()
  process.stdout.write(readFileSync(join(flags.out, 'filler-words.json'), 'utf8'))
}

async function runEvaluation(): Promise<void> {
  const judges = await Judges.open(flags.judges)
  const accuracy = JudgesAccuracy.parse(JSON.parse(readFileSync(join(flags.judges, 'accuracy.json'), 'utf8')))
  const pipeline = await openPipeline(flags.model, { device: 'cpu' })
  const show = progressBar('stories', flags.stories * flags.arms.length)
  const run = evaluate({ ...flags, pipeline, judges, accuracy, signal: stop.signal })
  for await (const done of run) show(done)
  await pipeline.release()
  await judges.close()
  process.stdout.write(readFileSync(join(flags.out, 'report.md'), 'utf8'))
}

function readFlags() {
  const text = { type: 'string' } as const
  const options = {
    ...{ out: text, model: text, judges: text, stories: text, frames: text },
    ...{ seed: text, level: text, descriptions: text, layout: text, steps: text, arms: text },
    ...{ sheet: { type: 'boolean' } as const, count: text, answers: text, 'filler-words': text },
  }
  const { values } = cli.read(options)
  const { out, model = here('../../models/story-mini'), judges = here('../../models/judges') } = values
  if (!out) cli.fail('--out <folder> is missing')
  const refers = existsSync(join(model, 'ip_adapter.safetensors'))
  const wanted = values.arms?.split(',').map(arm) ?? (refers ? armNames : textArms)
  if (wanted.some((name) => arms[name].references) && !refers)
    cli.fail(`${model} has no ip_adapter.safetensors, so that it reads no reference pictures; choose among ${textArms}`)
  return {
    out,
    model,
    judges,
    arms: [...new Set(wanted)],
    chosen: values.arms === undefined ? undefined : [...new Set(wanted)],
    sheet: values.sheet ? cli.whole('count', values.count ?? '60', 1, 1000) : 0,
    answers: values.answers,
    fillers: values['filler-words'] === undefined ? 0 : cli.whole('filler-words', values['filler-words'], 1, 40),
    stories: cli.whole('stories', values.stories ?? '20', 1, 10_000),
    frames: cli.whole('frames', values.frames ?? '4', 2, 12),
    seed: cli.whole('seed', values.seed ?? '1', 0, 2 ** 31 - 1),
    level: cli.whole('level', values.level ?? '4', 1, LEVELS.length) as Level,
    descriptions: cli.oneOf('descriptions', descriptions, values.descriptions ?? 'full'),
    layout: values.layout === undefined ? undefined : cli.oneOf('layout', Layout.options, values.layout),
    steps: values.steps === undefined ? undefined : cli.whole('steps', values.steps, 1, 100),
  }
}

function arm(name: string): ArmName {
  return isArm(name) ? name : cli.fail(`--arms: there is no '${name}'; there are ${armNames.join(', ')}`)
}
