/**
 * Threads that train together. Each runs the graph over a piece of the step's samples on one core, then takes its share
 * of the parameters: adds up their gradients and moves them. Two threads with a graph each are faster than two threads
 * inside one run, which wait for each other at every op; and nobody waits at all where other processes take a core away.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Device } from '../../engine/runtime/device.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import type { AdamBuffers, AdamRates } from './adamw.ts'
import { type ParameterData, type Share, sharesOf } from './parameters.ts'

export type Feeds = Readonly<Record<string, HostTensor>>

export interface ReplicaSettings {
  /** The encoded graph. It has an output `gradientName(p)` for every parameter p beside those to report. */
  model: Uint8Array<ArrayBuffer>
  /** Folder of the files that frozen weights in the graph point into. */
  weights?: string
  device: Device
  /** Pieces that the samples of a step come in. */
  pieces: number
  /** Threads, at least one for each piece. More than that only help to move the parameters. */
  threads: number
  /** Threads inside one run of the graph. */
  threadsOfRun: number
  data: ParameterData
  buffers: AdamBuffers
}

/** Memory that all threads see. */
interface ReplicaMemory {
  /** Counts the threads that came to a barrier, all barriers ever. */
  readonly arrived: Int32Array<SharedArrayBuffer>
  /** Not 0 once a thread has failed, or all are to end: then nobody waits for anybody. */
  readonly over: Int32Array<SharedArrayBuffer>
  /** By piece, gradients of the shares that another thread moves. */
  readonly gradients: readonly Float32Array<SharedArrayBuffer>[]
  /** By share, the sum of squares of its gradient. */
  readonly squares: Float64Array<SharedArrayBuffer>
}

export interface WorkerSettings extends ReplicaSettings, ReplicaMemory {
  /** Which of the threads this is. */
  index: number
  shares: readonly Share[]
  /** By share, the thread that moves it. */
  owners: readonly number[]
}

/** What a thread says of its step: what the graph reports of its piece, and the norm of the whole gradient. */
export interface PieceReport {
  outputs: Record<string, HostTensor>
  norm: number
}

export type Order = { feeds: Feeds | undefined; rates: AdamRates } | 'end'
export type Answer = { report: PieceReport } | { error: unknown } | 'ready'

export interface Replicas {
  /** One update of the parameters from all pieces. Where the gradient is not finite, nothing moves and the norm says so. */
  step(pieces: readonly Feeds[], rates: AdamRates): Promise<PieceReport[]>
  close(): Promise<void>
}

/** Longer than any run of a graph takes. */
const patienceAtEnd = 120_000

export const gradientName = (parameter: string) => `d ${parameter}`

export async function openReplicas(settings: ReplicaSettings): Promise<Replicas> {
  const { data, pieces, threads } = settings
  const shares = sharesOf(data)
  const owners = sharedOut(shares, threads)
  const memory: ReplicaMemory = {
    arrived: new Int32Array(new SharedArrayBuffer(4)),
    over: new Int32Array(new SharedArrayBuffer(4)),
    gradients: Array.from({ length: threads > 1 ? pieces : 0 }, () => sharedFloats(data.flat.length)),
    squares: new Float64Array(new SharedArrayBuffer(8 * shares.length)),
  }
  const workers = Array.from({ length: threads }, (_, index) => {
    const workerData: WorkerSettings = { ...settings, ...memory, index, shares, owners }
    const worker = new Worker(new URL('./replica-worker.ts', import.meta.url), { workerData })
    worker.unref()
    return worker
  })
  const close = async () => {
    Atomics.store(memory.over, 0, 1)
    Atomics.notify(memory.arrived, 0)
    await Promise.all(workers.map(ended))
  }
  /** The next answer of every thread. When one fails, the others would wait for it for ever. */
  const answers = async () => {
    try {
      return await Promise.all(workers.map(nextAnswer))
    } catch (error) {
      await close()
      throw error
    }
  }
  await answers()
  return {
    async step(feeds, rates) {
      if (feeds.length !== pieces) throw new RangeError(`step: ${feeds.length} pieces, not ${pieces}`)
      const answered = answers()
      for (const [i, worker] of workers.entries()) worker.postMessage({ feeds: feeds[i], rates } satisfies Order)
      return (await answered).slice(0, pieces).map((answer) => (answer as { report: PieceReport }).report)
    },
    close,
  }
}

/**
 * Lets a thread end its run of the graph first: onnxruntime ends the whole process when the thread of a run has been
 * terminated under it.
 */
async function ended(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return
  const exited = once(worker, 'exit')
  worker.ref()
  worker.postMessage('end' satisfies Order)
  const late = setTimeout(() => void worker.terminate(), patienceAtEnd)
  await exited
  clearTimeout(late)
}

function nextAnswer(worker: Worker): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', heard).off('error', failed).off('exit', ended).unref()
      act()
    }
    const heard = (answer: Answer) =>
      settle(() => (typeof answer === 'object' && 'error' in answer ? reject(answer.error) : resolve(answer)))
    const failed = (error: Error) => settle(() => reject(error))
    const ended = () => settle(() => reject(new Error('a training thread has ended')))
    worker.on('message', heard).on('error', failed).on('exit', ended).ref()
  })
}

/** For each share its thread: neighbours together, about the same number of elements each. */
function sharedOut(shares: readonly Share[], threads: number): number[] {
  const all = shares.reduce((sum, { length }) => sum + length, 0)
  return shares.map(({ at, length }) => Math.min(threads - 1, Math.floor(((at + length / 2) * threads) / all)))
}

const sharedFloats = (length: number) => new Float32Array(new SharedArrayBuffer(4 * length))
