/** What the JSON of every benchmark says of the machine that it ran on. */
import { availableParallelism, cpus } from 'node:os'
import { sessionThreads } from '../gpu-runner/src/engine/runtime/threads.ts'

/** `threads` are those of one session of onnxruntime. */
export function machineFigures() {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    threads: sessionThreads(),
    node: process.version,
  }
}

export interface BusyCores {
  /** Kept busy by this process, on average. */
  readonly coresBusy: number
  /** By all processes of the machine: more than the above where others ran beside it, or where it has children. */
  readonly machineCoresBusy: number
}

/** Starts a clock; the function it returns says how many cores have been busy since then. */
export function busyCores(): () => BusyCores {
  const [from, own, all] = [performance.now(), process.cpuUsage(), machineSeconds()]
  return () => {
    const seconds = (performance.now() - from) / 1e3
    const { user, system } = process.cpuUsage(own)
    return { coresBusy: (user + system) / 1e6 / seconds, machineCoresBusy: (machineSeconds() - all) / seconds }
  }
}

/** That the machine's cores have worked since it started. */
function machineSeconds(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) / 1e3
}
