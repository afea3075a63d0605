/**
 * How many threads a session computes with. Onnxruntime takes one for each physical core unless set otherwise, which on a
 * virtual machine with hyper-threads leaves half of it idle.
 */
import { availableParallelism } from 'node:os'

const most = 256

/**
 * `FABLEFRAME_THREADS`, else as many as this machine runs at once. An environment variable, because worker threads and child
 * processes inherit it. Throws `RangeError` for what is no such number.
 */
export function sessionThreads(env: NodeJS.ProcessEnv = process.env): number {
  const { FABLEFRAME_THREADS: value } = env
  if (!value) return availableParallelism()
  const threads = Number(value)
  if (Number.isInteger(threads) && threads >= 1 && threads <= most) return threads
  throw new RangeError(`the number of threads must be from 1 to ${most}, not '${value}'`)
}

/** For commands: `--threads` overrides the environment. Throws as `sessionThreads` does, before any session opens. */
export function useThreads(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): number {
  if (flag !== undefined) env.FABLEFRAME_THREADS = flag
  return sessionThreads(env)
}
