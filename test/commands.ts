/** Our commands as a user runs them, with the drawing model; killed after the test if they are still there. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, Story } from '../contract/story-view.ts'
import { type DataFolder, dataFolder } from './data-folder.ts'

export const root = join(import.meta.dirname, '..')

/** A folder with a drawing model, and a way to run the scripts of `local/` with it. */
export async function setUp(t: TestContext, drawing = {}) {
  const { path: folder, endWith } = await dataFolder(t)
  await writeFile(join(folder, 'drawing.json'), JSON.stringify(drawing))
  const usual = {
    FABLEFRAME_DATA: join(folder, 'data'),
    LEASE_SECONDS: '2',
    FABLEFRAME_MODEL: folder,
    FABLEFRAME_MODEL_MODULE: join(root, 'test/drawing-model.ts'),
  }
  const run = (script: string, env = {}, args: string[] = []) =>
    start(endWith, [process.execPath, join(root, 'local', script), ...args], { ...usual, ...env })
  /** `npm start`, in a process group of its own as a terminal gives it one. */
  const npmStart = (env = {}) => start(endWith, ['npm', 'start'], { ...usual, ...env }, true)
  return { folder, endWith, run, npmStart }
}

export function start(
  endWith: DataFolder['endWith'],
  [command = '', ...args]: string[],
  env = {},
  detached = false,
): ChildProcess {
  const child = spawn(command, args, {
    cwd: root,
    detached,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const exited = once(child, 'exit')
  endWith(() => {
    signal(child, 'SIGKILL', detached)
    return exited
  })
  return child
}

/** What a terminal does on Ctrl-C: every process of the group gets the signal. */
export function signal({ pid }: ChildProcess, name: NodeJS.Signals, group: boolean): void {
  try {
    process.kill(group ? -pid! : pid!, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Everything that a stream has said so far, and a call for when there is more. */
const heard = new WeakMap<NodeJS.ReadableStream, { lines: string[]; look: Set<() => void>; ended: boolean }>()

/** The first group of the first line, said or yet to be said, that matches. */
export function line(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let ear = heard.get(stream)
  if (!ear) {
    const fresh = { lines: [] as string[], look: new Set<() => void>(), ended: false }
    ear = fresh
    heard.set(stream, fresh)
    const wake = () => {
      for (const look of fresh.look) look()
    }
    createInterface({ input: stream })
      .on('line', (line) => {
        fresh.lines.push(line)
        wake()
      })
      .on('close', () => {
        fresh.ended = true
        wake()
      })
  }
  const { lines, look } = ear
  return new Promise((resolve, reject) => {
    const search = () => {
      const found = lines.map((line) => pattern.exec(line)?.[1]).find((group) => group !== undefined)
      if (found === undefined && !ear.ended) return
      look.delete(search)
      if (found === undefined) reject(new Error(`the process ended without ${pattern}: ${lines.join('\n')}`))
      else resolve(found)
    }
    look.add(search)
    search()
  })
}

export async function post(url: string, key: string): Promise<Story> {
  const body = JSON.stringify({ frames: ['one', 'two', 'three', 'four'].map((prompt) => ({ prompt })) })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return Story.parse(await (await fetch(new URL('/stories', url), { method: 'POST', headers, body })).json())
}

export async function until(url: string, key: string, id: string, reached: (story: Story) => boolean): Promise<Story> {
  const headers = { authorization: `Bearer ${key}` }
  for (;;) {
    const story = Story.parse(await (await fetch(new URL(`/stories/${id}`, url), { headers })).json())
    if (reached(story)) return story
    if (isOver(story)) throw new Error(`the story ended as ${story.status}: ${story.error?.message}`)
    await sleep(50)
  }
}

export function isOver({ status }: Story): boolean {
  return isTerminal(status)
}

export async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await sleep(50)
  }
}
