import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { sentenceOf } from './command.ts'

/** A command whose body is `body`, called with `args`. */
function run(body: string, ...args: string[]) {
  const file = new URL('./command.ts', import.meta.url).href
  const code = `import { command } from ${JSON.stringify(file)}
    const cli = command('paint', 'usage: npm run paint -- --steps <n>')
    const { values, positionals } = cli.read({ steps: { type: 'string' } })
    ${body}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code, '--', ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('--help and -h show the usage, and exit 0', () => {
  for (const flag of ['--help', '-h'])
    assert.deepEqual(run('', flag, '--steps', '3'), {
      status: 0,
      stdout: 'usage: npm run paint -- --steps <n>\n',
      stderr: '',
    })
})

test('a wrong call ends with a sentence, the usage and exit 2', () => {
  const usage = 'usage: npm run paint -- --steps <n>\n'
  const whole = `console.log(cli.whole('steps', values.steps, 1, 100))`
  for (const [args, sentence] of [
    [['--stpes', '3'], "Unknown option '--stpes'; is --steps meant?"],
    [['--colour', 'red'], "Unknown option '--colour'"],
    [['twice'], "'twice' is not understood; flags begin with --"],
    [['--steps', 'abc'], "--steps must be a whole number from 1 to 100, not 'abc'"],
    [['--steps', '101'], "--steps must be a whole number from 1 to 100, not '101'"],
    [[], '--steps <number> is missing'],
  ] as const) {
    assert.deepEqual(run(whole, ...args), { status: 2, stdout: '', stderr: `paint: ${sentence}\n${usage}` })
  }
  assert.equal(run(whole, '--steps', '7').stdout, '7\n')
})

test('a word that is missing or misspelt is answered with those that there are', () => {
  const body = "console.log(cli.word('colour', ['red', 'green', 'blue'], values.steps))"
  const usage = 'usage: npm run paint -- --steps <n>\n'
  for (const [args, sentence] of [
    [[], 'a colour is missing: red, green or blue'],
    [['--steps', 'gren'], "there is no colour 'gren'; is green meant?"],
    [['--steps', 'mauve'], "there is no colour 'mauve'; it is red, green or blue"],
  ] as const)
    assert.deepEqual(run(body, ...args), { status: 2, stdout: '', stderr: `paint: ${sentence}\n${usage}` })
  assert.equal(run(body, '--steps', 'red').stdout, 'red\n')
})

test('what goes wrong later is a sentence too, exit 1; DEBUG=1 shows where', () => {
  const late = `const { writeFileSync } = await import('node:fs'); writeFileSync('/dev/null/x', '')`
  assert.deepEqual(run(late), {
    status: 1,
    stdout: '',
    stderr: 'paint: /dev/null/x cannot be made: there is a file where a folder is needed\n',
  })
  const rejected = run(`process.env.DEBUG = '1'; Promise.reject(new Error('the brush is dry'))`)
  assert.equal(rejected.status, 1)
  assert.match(rejected.stderr, /^paint: the brush is dry\nError: the brush is dry\n\s+at /)
})

test('errors of the system are put into words, with the file', () => {
  const sentence = (code: string) => sentenceOf(Object.assign(new Error(`${code}: …`), { code, path: 'out/a.png' }))
  assert.equal(sentence('ENOSPC'), 'no space is left for out/a.png')
  assert.equal(sentence('ENOENT'), 'out/a.png does not exist')
  assert.equal(sentence('EIO'), 'EIO: …')
  assert.equal(sentenceOf('plain'), 'plain')
})
