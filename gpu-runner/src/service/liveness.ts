/** A file that shows from outside that the main thread of this process turns: its time of change moves on. */
import { writeFileSync } from 'node:fs'

export const ALIVE_MS = 10_000

/** Touches `file` again and again, at once for the first time. Ends with the process. Throws where it cannot be written. */
export function keepAlive(file: string): void {
  const touch = () => writeFileSync(file, `${process.pid}\n`)
  touch()
  setInterval(touch, ALIVE_MS).unref()
}
