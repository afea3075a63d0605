/** Runs a script that prints JSON in a process of its own: what it does there, crash or hang, stays there. */
import { spawn } from 'node:child_process'

/** What `script` printed, or what became of it. */
export async function jsonOf<T>(
  script: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<T | { problem: string }> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [printed, complaint, late] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint = (complaint + text).slice(-10_000)
  })
  // A driver stuck in the kernel hears no polite signal.
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...end) => resolve(end))
  })
  clearTimeout(timer)
  if (late) return { problem: `no answer within ${timeoutMs / 1e3} s` }
  if (signal) return { problem: `it crashed (${signal})` }
  if (code !== 0) return { problem: errorIn(complaint) ?? `it ended with code ${code}` }
  try {
    return JSON.parse(printed)
  } catch {
    return { problem: `it printed no JSON: ${printed.slice(0, 200)}` }
  }
}

/** The message of the uncaught error that Node printed last. */
function errorIn(complaint: string): string | undefined {
  const errors = complaint.split('\n').filter((line) => /^\w*Error\b.*: /.test(line))
  return errors.at(-1)?.slice(0, 600)
}
