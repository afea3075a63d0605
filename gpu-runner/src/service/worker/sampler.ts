/**
 * The thread that samples. Its own thread because a session's `run()` blocks the event loop it is called on for as long
 * as a step takes, and the main thread has a lease to keep alive meanwhile. The model stays loaded between stories.
 */
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { BrokenWeights, NotFiniteError } from '../../engine/runtime/finite.ts'
import { type StoryModelModule, StoryRejected } from '../../story/types.ts'
import type { Fault, SamplerCommand, SamplerReport, SamplerSettings } from './protocol.ts'

if (!parentPort) throw new Error('worker/sampler.ts is the entry of a worker thread; worker/thread.ts starts it')
const port = parentPort
const { module, ...settings }: SamplerSettings = workerData
const { openStoryModel }: StoryModelModule = await import(module)
const model = await openStoryModel(settings)
let current: { run: number; abort: AbortController; done: Promise<void> } | undefined

port.on('message', (command: SamplerCommand) => {
  if (command.type === 'generate') {
    const abort = new AbortController()
    current = { run: command.run, abort, done: generate(command, abort.signal) }
  }
  if (command.type === 'abort' && command.run === current?.run) current.abort.abort()
  if (command.type === 'close') void close()
})
report({ type: 'ready', model: { name: model.name, abilities: model.abilities } })

async function generate(
  { run, request, seed, skip, finished, pictures, bank }: SamplerCommand & { type: 'generate' },
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const event of model.generate(request, {
      seed,
      signal,
      skip: new Set(skip),
      finished,
      pictures,
      bank,
    })) {
      if (event.type === 'frame') {
        const rgb = new Uint8Array(event.frame.rgb) // a copy of just these bytes: the original may view a shared pool
        report({ type: 'event', run, event: { type: 'frame', frame: { ...event.frame, rgb } } }, [rgb.buffer])
      } else report({ type: 'event', run, event })
      // A turn of the event loop: awaiting `run()` alone only turns microtasks, and an abort would never be read.
      await setImmediate()
      if (signal.aborted) break
    }
    report({ type: 'done', run })
  } catch (error) {
    report({ type: 'failed', run, fault: faultOf(error), message: describe(error) })
  }
}

async function close(): Promise<void> {
  current?.abort.abort()
  await current?.done
  await model.close()
  port.close()
}

function report(report: SamplerReport, transfer: ArrayBuffer[] = []): void {
  port.postMessage(report, transfer)
}

function faultOf(error: unknown): Fault {
  if (error instanceof StoryRejected) return 'rejected'
  if (error instanceof BrokenWeights) return 'broken'
  return error instanceof NotFiniteError ? 'not_finite' : 'failed'
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'Error' || error instanceof StoryRejected ? error.message : `${error.name}: ${error.message}`
}
