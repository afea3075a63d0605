/** Runner processes for tests: the real `main.ts`, with the drawing model in place of a trained one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from './worker.ts'

export interface TestRunner {
  child: ChildProcess
  /** The model folder; see `drawing-model.ts` for what may be put into it. */
  folder: string
  /** Resolves with the first log entry so named, once it has come; throws when the runner ends without it. */
  logged(event: string): Promise<Record<string, unknown>>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Start a runner of `edgeUrl`; killed after the test, if it is still there. */
export async function startRunner(
  t: TestContext,
  edgeUrl: string,
  drawing: { name?: string; stepMs?: number; steps?: number } = {},
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<TestRunner> {
  const folder = await mkdtemp(join(tmpdir(), 'drawing-'))
  await writeFile(join(folder, 'drawing.json'), JSON.stringify(drawing))
  const child = spawn(process.execPath, [path('../gpu-runner/src/main.ts'), ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      ...process.env,
      FABLEFRAME_EDGE_URL: edgeUrl,
      RUNNER_TOKEN,
      RUNNER_WEBHOOK_SECRET,
      FABLEFRAME_CLAIM_WAIT: '1',
      FABLEFRAME_MODEL: folder,
      FABLEFRAME_MODEL_MODULE: path('drawing-model.ts'),
      ...env,
    },
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true })
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const reader = createInterface({ input: child.stderr! })
  const wake = () => {
    for (const look of waiting) look()
  }
  reader.on('line', (line) => {
    lines.push(line)
    wake()
  })
  let ended = false
  reader.on('close', () => {
    ended = true
    wake()
  })
  return { child, folder, exited, logged }

  function logged(event: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const line = lines.find((line) => line.includes(`"event":"${event}"`))
        if (!line && !ended) return
        waiting.delete(look)
        if (line) resolve(JSON.parse(line))
        else reject(new Error(`the runner ended without '${event}': ${lines.join('\n')}`))
      }
      waiting.add(look)
      look()
    })
  }
}
