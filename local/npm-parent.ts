/** An npm that is killed outright takes neither its script nor the shell in between along, so the script has to look. */
import { existsSync, readFileSync } from 'node:fs'

const LOOK_MS = 1000

/** Call `ended` once the `npm start` that this process was started by is no longer there; never without one. */
export function whenNpmEnds(ended: () => unknown): void {
  if (process.env.npm_lifecycle_event !== 'start') return
  const npm = npmPid()
  const timer = setInterval(() => {
    if (isAlive(npm)) return
    clearInterval(timer)
    ended()
  }, LOOK_MS).unref()
}

/** The parent, or the parent's parent where a shell stands in between; only Linux says which that is. */
function npmPid(): number {
  const file = `/proc/${process.ppid}/status`
  if (!existsSync(file)) return process.ppid
  const { Name = '', PPid } = Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s*/, 2)),
  )
  return Name.startsWith('npm') ? process.ppid : Number(PPid)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
