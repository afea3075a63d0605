/** Runs the blocks of `docs/operations.md` that this machine can run, a section at a time, in a copy of the repository. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { root } from './commands.ts'
import { dataFolder } from './data-folder.ts'
import { blocksOf } from './doc-blocks.ts'

const runnable = blocksOf('docs/operations.md').filter(({ runs }) => runs)

for (const [section, blocks] of Map.groupBy(runnable, ({ section }) => section))
  test(`docs/operations.md: ${section}`, async (t) => {
    const { path: folder, endWith } = await dataFolder(t)
    const copied = readdirSync(root).filter((name) => !name.startsWith('.') && name !== 'runs' && name !== 'out')
    for (const name of copied) symlinkSync(join(root, name), join(folder, name))
    mkdirSync(join(folder, '.fableframe'))
    writeFileSync(join(folder, '.fableframe/api-key'), 'ff_live_x')
    const shell = spawn('bash', ['-e', '-o', 'pipefail'], {
      cwd: folder,
      // A group of its own, so that what a block leaves in the background ends with it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: folder, WRANGLER_SEND_METRICS: 'false', CI: '1' },
    })
    const exited = once(shell, 'exit')
    const end = () => {
      try {
        process.kill(-shell.pid!, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    endWith(() => {
      end()
      return exited
    })
    const said = Promise.all([text(shell.stdout), text(shell.stderr)])
    shell.stdin.end(blocks.map(({ text }) => text).join('\n'))
    const [code] = await exited
    end()
    assert.equal(code, 0, (await said).join('\n').slice(-5000))
  })
