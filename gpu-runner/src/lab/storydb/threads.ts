/** Units spread over threads, as drawing and packing pictures keep a core busy. Which thread writes what changes no byte. */
import { EventEmitter, on } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { StoryDbOptions, Unit } from './options.ts'

/** What a thread says: so many more frames are written, or its unit is whole and it wants the next. */
export type News = { frames: number } | 'idle'

/** Write `units` on up to `threads` threads; yields how many more frames are written, each time there are some. */
export async function* writeOnThreads(
  options: StoryDbOptions,
  units: readonly Unit[],
  threads: number,
): AsyncGenerator<number> {
  const all = new EventEmitter()
  const heard = on(all, 'news')
  const waiting = units.values()
  const workers = Array.from({ length: Math.min(threads, units.length) }, () => startWorker(options, all))
  try {
    for (const worker of workers) worker.postMessage(waiting.next().value)
    let left = units.length
    while (left > 0) {
      const { value } = await heard.next()
      const [worker, news] = value as [Worker, News]
      if (news !== 'idle') {
        yield news.frames
        continue
      }
      left--
      const { value: unit } = waiting.next()
      if (unit) worker.postMessage(unit)
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function startWorker(options: StoryDbOptions, all: EventEmitter): Worker {
  const worker = new Worker(new URL('./write-worker.ts', import.meta.url), { workerData: options })
  worker.on('message', (news: News) => all.emit('news', worker, news))
  worker.on('error', (error) => all.emit('error', error))
  return worker
}
