/** What an evaluation found: `report.json` for programs, `report.md` for people. */
import { z } from 'zod'
import { mean } from '../../story/measures/metrics.ts'
import { JudgesAccuracy } from '../judges/accuracy.ts'
import { armNames } from './arms.ts'
import { bootstrap } from './bootstrap.ts'
import { type MetricName, metricNames, type StoryScore } from './score.ts'
import { descriptions } from './stories.ts'

const Figure = z.number().nullable()

/** Null where no frame of the run could show it, such as leaks where nobody stands beside another. */
export const Metric = z.strictObject({
  value: Figure,
  low: Figure.describe('Of the 95 % interval, by bootstrap over stories'),
  high: Figure,
  ceiling: Figure.describe("The renderer's own pictures of the same stories, read by the same judges"),
})
export type Metric = z.infer<typeof Metric>

export const EvaluationReport = z.strictObject({
  model: z.string(),
  seed: z.int(),
  stories: z.int(),
  frames: z.int(),
  level: z.int(),
  descriptions: z.enum(descriptions).describe('What of a character its description says'),
  sampling: z.strictObject({
    steps: z.int(),
    guidance_scale: z.number(),
    guidance_interval: z.tuple([z.number(), z.number()]).describe('Shares of the steps between which it guides'),
  }),
  judges: JudgesAccuracy,
  arms: z.partialRecord(z.enum(armNames), z.record(z.enum(metricNames), Metric)),
})
export type EvaluationReport = z.infer<typeof EvaluationReport>

/** The metrics of one arm from its stories' scores and those of the renderer's pictures. */
export function summarise(scores: readonly StoryScore[], ceilings: readonly StoryScore[]): Record<MetricName, Metric> {
  const entries = metricNames.map((name) => {
    const found = bootstrap(scores.map((score) => score[name]))
    const best = bootstrap(
      ceilings.map((score) => score[name]),
      { resamples: 1 },
    )
    const metric = { value: null, low: null, high: null, ...found, ceiling: best?.value ?? null }
    return [name, metric] as const
  })
  return Object.fromEntries(entries) as Record<MetricName, Metric>
}

export function reportTable({ judges, arms, ...run }: EvaluationReport): string {
  const names = armNames.filter((name) => arms[name])
  const rows = metricNames.map((metric) => {
    const cells = names.map((name) => cell(arms[name]![metric]))
    return `| ${metric} | ${cells.join(' | ')} | ${figure(arms[names[0]!]![metric].ceiling)} |`
  })
  const read = Object.values(judges.attributes)
  return `# Evaluation of ${run.model}

${run.stories} stories of ${run.frames} frames about held-out characters (StoryDB level ${run.level}, seed ${run.seed}), ${run.descriptions === 'full' ? 'fully described' : 'described by their species alone'}, ${run.sampling.steps} steps; the same
weights and seeds for every arm. Below each mean its 95 % interval, by bootstrap over stories. The ceiling is the renderer's
own pictures through the same judges. What each figure means: docs/evaluation.md.

| | ${[...names, 'ceiling'].join(' | ')} |
|---|${[...names, 'ceiling'].map(() => '---').join('|')}|
${rows.join('\n')}

The judges read ${figure(mean(read))} of all attributes right on ${judges.frames} held-out renders, find ${figure(judges.found)} of the characters, outline
them with a Dice of ${figure(judges.dice)}, and tell identities apart with an AUC of ${figure(judges.auc)} (equal error rate ${figure(judges.eer)}).
`
}

function cell({ value, low, high }: Metric): string {
  return value === null ? '–' : `${figure(value)}<br>${figure(low)} … ${figure(high)}`
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(3)
}
