/** One of the threads that train together; `replicas.ts` is their other side. */
import { parentPort, workerData } from 'node:worker_threads'
import { openModel } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { addInto, clipped, sumOfSquares, updateShare } from './adamw.ts'
import type { Share } from './parameters.ts'
import { type Answer, gradientName, type Order, type PieceReport, type WorkerSettings } from './replicas.ts'

const settings = workerData as WorkerSettings
const { index, pieces, threads, shares, owners, arrived, over, gradients, squares } = settings
/**
 * Longer than any step takes; a thread that is silent for so long has died. Waited out in short slices, because the clock
 * also runs while the process is stopped (Ctrl-Z, SIGSTOP, a laptop asleep): that costs one slice, not the run.
 */
const patience = { slices: 60, ms: 10_000 }

const session =
  index < pieces
    ? await openModel(settings.model, {
        threads: settings.threadsOfRun,
        device: settings.device,
        ...(settings.weights ? { weights: settings.weights } : {}),
      })
    : null
const mine = [...shares.keys()].filter((i) => owners[i] === index)

const answer = (message: Answer) => parentPort!.postMessage(message)
let running: Promise<void> = Promise.resolve()
parentPort!.on('message', (order: Order) => {
  running = order === 'end' ? running.then(end) : running.then(() => step(order)).then(answerWith, giveUp)
})
answer('ready')

function answerWith(report: PieceReport): void {
  answer({ report })
}

/** The others, who wait for this thread, end their step too. */
function giveUp(error: unknown): void {
  Atomics.store(over, 0, 1)
  Atomics.notify(arrived, 0)
  answer({ error })
}

async function end(): Promise<void> {
  await session?.close()
  parentPort!.close()
}

async function step({ feeds, rates }: Exclude<Order, 'end'>): Promise<PieceReport> {
  const results = session && feeds ? await session.run({ ...settings.data.tensors, ...feeds }) : {}
  const taken = takeGradients(results)
  barrier()
  const own = mine.map((i) => summed(i, taken))
  for (const [k, i] of mine.entries()) squares[i] = sumOfSquares(own[k]!)
  barrier()
  // In the order of the shares, so that every thread finds the same norm, however many there are.
  const norm = Math.sqrt(squares.reduce((a, b) => a + b, 0)) / pieces
  if (Number.isFinite(norm)) {
    const known = clipped(rates, norm, pieces)
    for (const [k, i] of mine.entries()) updateShare(settings.buffers, shares[i]!, own[k]!, known)
  }
  barrier()
  return { outputs: results, norm }
}

/** Takes the gradients out of `results`: those of other threads' shares go to shared memory, one's own are returned. */
function takeGradients(results: Record<string, HostTensor>): Map<number, Float32Array> {
  const kept = new Map<number, Float32Array>()
  for (const [i, { name, at }] of shares.entries()) {
    const found = results[gradientName(name)]
    if (!found) continue
    const gradient = found.data as Float32Array
    if (owners[i] === index) kept.set(i, gradient)
    else gradients[index]!.set(gradient, at)
    delete results[gradientName(name)]
  }
  return kept
}

/** The gradient of share `i` over all pieces, added up in the memory of the first. */
function summed(i: number, taken: ReadonlyMap<number, Float32Array>): Float32Array {
  const { at, length }: Share = shares[i]!
  const ofPiece = (piece: number) => (piece === index ? taken.get(i)! : gradients[piece]!.subarray(at, at + length))
  const sum = ofPiece(0)
  for (let piece = 1; piece < pieces; piece++) addInto(sum, ofPiece(piece))
  return sum
}

/** Waits until all threads are here. */
function barrier(): void {
  const mineth = Atomics.add(arrived, 0, 1) + 1
  const target = Math.ceil(mineth / threads) * threads
  if (mineth === target) {
    Atomics.notify(arrived, 0)
    return
  }
  let slices = 0
  for (let now = Atomics.load(arrived, 0); now < target; now = Atomics.load(arrived, 0)) {
    if (Atomics.load(over, 0) !== 0) throw new Error('another training thread has ended')
    if (Atomics.wait(arrived, 0, now, patience.ms) !== 'timed-out') slices = 0
    else if (++slices === patience.slices)
      throw new Error(`another training thread has not answered for ${(slices * patience.ms) / 1000} s`)
  }
}
