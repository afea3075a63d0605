/**
 * `npm run bench:story`: seconds to tell a story with shared attention, and the same frames each on its own, in one run.
 * Prints JSON: medians over `--runs` alternating runs for each number of frames.
 */
import { parseArgs } from 'node:util'
import { StoryRequest } from '../contract/story.ts'
import { matmulPeak } from '../gpu-runner/src/runtime/peak.ts'
import { openStoryModel } from '../gpu-runner/src/story/open.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'gpu-runner/models/story-mini' },
    runs: { type: 'string', default: '5' },
    steps: { type: 'string', default: '25' },
  },
})
const prompts = ['waves in a forest', 'reads a book on a beach', 'sits in a bedroom at night', 'jumps in the snow']
const model = await openStoryModel({ folder: values.model, device: 'cpu' })
const results = []
for (const frames of [4, 8]) {
  const seconds: Record<'independent' | 'shared', number[]> = { independent: [], shared: [] }
  for (let run = 0; run <= Number(values.runs); run++)
    for (const [arm, synchronizer] of [
      ['independent', 0],
      ['shared', 1],
    ] as const) {
      const took = await tell(frames, synchronizer)
      // The first round warms up.
      if (run > 0) seconds[arm].push(took)
    }
  const [independent, shared] = [median(seconds.independent), median(seconds.shared)]
  results.push({ frames, independentSeconds: independent, sharedSeconds: shared, ratio: shared / independent })
}
await model.close()
console.log(
  JSON.stringify(
    { model: model.name, steps: Number(values.steps), matmulPeakGflops: await matmulPeak(), results },
    null,
    2,
  ),
)

async function tell(frames: number, synchronizer: number): Promise<number> {
  const request = StoryRequest.parse({
    characters: [
      { id: 'fox', name: 'Fern', description: 'an orange fox wearing a striped blue sweater and red pants' },
    ],
    frames: Array.from({ length: frames }, (_, i) => ({ prompt: `Fern ${prompts[i % prompts.length]}` })),
    steps: Number(values.steps),
    consistency: { synchronizer },
  })
  const from = performance.now()
  for await (const _ of model.tell(request, { seed: 1, signal: new AbortController().signal }));
  return (performance.now() - from) / 1000
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
