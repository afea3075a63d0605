/**
 * The workerd processes that miniflare starts. Each gets a process group of its own, because Ctrl-C goes to the whole
 * group of the terminal, and the runner hands its story back to an edge that is still there. And each gets a companion
 * that ends it once the pipe to us breaks, for whatever reason: workerd outlives a parent that was killed outright, and
 * keeps its port.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { basename } from 'node:path'

/** Of Node, and not in its types: what `child_process.spawn` calls with its options. */
interface Spawning extends ChildProcess {
  spawn(options: { file: string; detached: boolean }): unknown
}

export interface WorkerdWatch {
  /** From now on its end is expected. */
  expectEnd: () => void
  /** Resolves with how workerd ended, if it did so unexpectedly. */
  ended: Promise<string>
  /** Everything that was attached is taken off. */
  stop: () => void
}

/** Watch over every workerd that this process starts, until `stop`. Of several in a row, the latest counts. */
export function watchWorkerd(): WorkerdWatch {
  const companions = new Set<ChildProcess>()
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  let latest: ChildProcess | undefined
  const onChild: ChannelListener = (message) => {
    const { process: child } = message as { process: Spawning }
    child.spawn = (options) => {
      const isWorkerd = basename(options.file).startsWith('workerd')
      if (isWorkerd) watch(child)
      return Object.getPrototypeOf(child).spawn.call(child, isWorkerd ? { ...options, detached: true } : options)
    }
  }
  subscribe('child_process', onChild)
  return {
    ended,
    expectEnd: () => {
      latest = undefined
    },
    stop() {
      unsubscribe('child_process', onChild)
      latest = undefined
      for (const companion of companions) companion.kill()
    },
  }

  function watch(child: ChildProcess): void {
    latest = child
    child.once('spawn', () => {
      const companion = companionOf(child)
      companions.add(companion)
      child.once('exit', (code, signal) => {
        companion.kill()
        companions.delete(companion)
        if (child === latest) resolve(signal ? `killed by ${signal}` : `exit code ${code}`)
      })
    })
  }
}

function companionOf({ pid }: ChildProcess): ChildProcess {
  const script = `process.stdin.resume().on('close', () => { try { process.kill(${pid}, 'SIGKILL') } catch {} })`
  const companion = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  companion.unref()
  return companion
}
