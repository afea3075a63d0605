/**
 * `npm run bench:story`: seconds to generate a story of two characters by the whole method, and the same frames each on its
 * own, in one run. Prints JSON: medians over `--runs` alternating runs for each number of frames, and their ratios.
 */

import { type StoryInput, StoryRequest } from '../contract/story.ts'
import { type Command, command } from '../gpu-runner/src/cli/command.ts'
import { openPipeline } from '../gpu-runner/src/engine/pipeline/open.ts'
import { matmulPeak } from '../gpu-runner/src/engine/runtime/peak.ts'
import { useThreads } from '../gpu-runner/src/engine/runtime/threads.ts'
import { evaluationStory, referencePicture } from '../gpu-runner/src/lab/eval/stories.ts'
import { storyModel } from '../gpu-runner/src/story/open.ts'
import { busyCores, machineFigures } from './machine.ts'

const cli: Command = command(
  'bench:story',
  `usage: npm run bench:story -- [--model <folder>] [--runs 5] [--steps 20] [--threads <n>]`,
)
const { values } = cli.read({
  model: { type: 'string', default: 'gpu-runner/models/story-mini' },
  runs: { type: 'string', default: '5' },
  steps: { type: 'string', default: '20' },
  threads: { type: 'string' },
})

/** Both alone as often as together. */
const prompts = [
  'Pip waves in the forest',
  'Mo reads at the beach',
  'Pip sits and Mo jumps in the snow',
  'Pip and Mo run',
]
const cast = await Promise.all(
  ['Pip', 'Mo'].map(async (name, i) => {
    const story = evaluationStory(i, { seed: 3, level: 1, frames: 1, descriptions: 'full' })
    const { description } = story.request.characters[0]!
    return { id: name.toLowerCase(), name, description, picture: await referencePicture(story, 0, 128) }
  }),
)

/** `independent`: each frame alone, nobody shown. Then what the method adds, one after the other. */
const arms = {
  independent: { references: false, check: false, consistency: { synchronizer: 0, layout: 'free' } },
  columns: { references: false, check: false, consistency: { synchronizer: 0 } },
  shared: { references: false, check: false, consistency: {} },
  referred: { references: true, check: false, consistency: { regions: false } },
  regions: { references: true, check: false, consistency: {} },
  checked: { references: true, check: true, consistency: {} },
} as const satisfies Record<string, { references: boolean; check: boolean; consistency: StoryInput['consistency'] }>
type Arm = keyof typeof arms
const names = Object.keys(arms) as Arm[]

useThreads(values.threads)
const pipeline = await openPipeline(values.model, { device: 'cpu' })
const busy = busyCores()
const results = []
for (const frames of [4, 8]) {
  const seconds = Object.fromEntries(names.map((name): [Arm, number[]] => [name, []])) as Record<Arm, number[]>
  for (let run = 0; run <= cli.whole('runs', values.runs, 1); run++)
    for (const name of names) {
      const took = await generate(frames, name)
      // The first round warms up.
      if (run > 0) seconds[name].push(took)
    }
  const medians = names.map((name) => [name, median(seconds[name])] as const)
  const [, independent] = medians[0]!
  const ratios = medians.map(([name, took]) => [name, took / independent])
  results.push({ frames, seconds: Object.fromEntries(medians), ratios: Object.fromEntries(ratios) })
}
const cores = busy()
await pipeline.release()
const steps = cli.whole('steps', values.steps, 1)
const about = { model: pipeline.name, steps, ...machineFigures(), ...cores, matmulPeakGflops: await matmulPeak() }
console.log(JSON.stringify({ ...about, results }, null, 2))

async function generate(frames: number, name: Arm): Promise<number> {
  const { references, check, consistency } = arms[name]
  const request = StoryRequest.parse({
    characters: cast.map(({ picture, ...character }) =>
      references ? { ...character, references: [picture] } : character,
    ),
    frames: Array.from({ length: frames }, (_, i) => ({ prompt: prompts[i % prompts.length]! })),
    steps: cli.whole('steps', values.steps, 1),
    consistency,
  } satisfies StoryInput)
  const from = performance.now()
  const model = storyModel(pipeline, { check })
  for await (const _ of model.generate(request, { seed: 1, signal: new AbortController().signal }));
  return (performance.now() - from) / 1000
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
