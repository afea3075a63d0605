/** A thread that writes units; `threads.ts` is its other side. */
import { parentPort, workerData } from 'node:worker_threads'
import sharp from 'sharp'
import type { StoryDbOptions, Unit } from './options.ts'
import type { News } from './threads.ts'
import { writeUnit } from './write-unit.ts'

const options = workerData as StoryDbOptions
const report = (news: News) => parentPort!.postMessage(news)

// Pictures are small and never seen twice: threads within one and a cache of them only take room.
sharp.concurrency(1)
sharp.cache(false)

parentPort!.on('message', async (unit: Unit) => {
  for await (const frames of writeUnit(options, unit)) report({ frames })
  report('idle')
})
