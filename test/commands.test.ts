/** Every npm script that is a command of ours can be asked how it is used, and answers a wrong flag with a sentence. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const commands = Object.entries(scripts).flatMap(([name, line]) => {
  const [, file] = /^node (\S+\.ts)$/.exec(line) ?? []
  return file === undefined ? [] : [{ name, file }]
})

async function run(file: string, flag: string) {
  const child = spawn(process.execPath, [join(root, file), flag], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { stdout, stderr, code }
}

test('there are commands', () => assert.ok(commands.length >= 15))

for (const { name, file } of commands) {
  test(`npm run ${name} -- --help, and an unknown flag`, async () => {
    const call = name === 'start' ? 'npm start' : `npm run ${name}`
    const [help, wrong] = await Promise.all([run(file, '--help'), run(file, '--no-such-flag')])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.ok(help.stdout.includes(call), help.stdout)
    assert.equal(wrong.code, 2, wrong.stderr)
    assert.ok(wrong.stderr.startsWith(`${name}: Unknown option '--no-such-flag'`), wrong.stderr)
    assert.ok(wrong.stderr.includes(call) && !/^\s+at /m.test(wrong.stderr), wrong.stderr)
  })
}
