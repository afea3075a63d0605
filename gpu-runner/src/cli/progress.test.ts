import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { barLine, progressBar } from './progress.ts'

/** Only what the bar uses of a stream. */
function recorder(isTTY: boolean, columns?: number) {
  const written: string[] = []
  const stream = Object.assign(Object.create(process.stderr), {
    isTTY,
    columns,
    write: (text: string) => written.push(text) > 0,
  })
  return { stream: stream as NodeJS.WriteStream, written }
}

test('away from a terminal: a line every few seconds, and one at the end', () => {
  const { stream, written } = recorder(false)
  let time = 0
  const progress = progressBar('sets', 10, { stream, now: () => time })
  for (let done = 1; done <= 10; done++) {
    time += 1000
    progress(done)
  }
  assert.deepEqual(written, ['sets 5/10 5 s left\n', 'sets 10/10\n'])
})

test('on a terminal: one line redrawn, full at the end', () => {
  const { stream, written } = recorder(true, 80)
  const progress = progressBar('sets', 2, { stream, now: () => 0 })
  progress(1, 'half')
  progress(2)
  const shown = screenOf(written.join(''), 80)
  assert.deepEqual(shown, [`sets ${'█'.repeat(28)} 2/2`])
  assert.equal(written.filter((text) => text.includes('\n')).length, 1)
})

test('what another run did counts as done, but not for the speed', () => {
  const { stream, written } = recorder(false)
  let time = 0
  const progress = progressBar('images', 10_000, { stream, now: () => time, initial: 4000, rateOf: 'images' })
  time = 10_000
  progress(4000)
  time = 20_000
  progress(4100)
  assert.deepEqual(written, ['images 4000/10000\n', 'images 4100/10000 5.0 images/s 20 min left\n'])
})

test('a stopped bar lets the process end', () => {
  const { stream } = recorder(true, 80)
  using bar = progressBar('sets', 2, { stream })
  bar(1)
  bar.stop()
})

test('a line fits 60, 80 and 120 columns: the bar gives way, then the end is cut', () => {
  const said = '23 % 14 s left · sampling · step 4/20 · frame 0/4'
  for (const columns of [40, 60, 80, 120])
    assert.ok(barLine('A day with Fern and Bo', 0.23, said, columns).length <= columns)
  assert.equal(barLine('line 1', 0.5, '50 %', 40), `line 1 ${'█'.repeat(14)}${'░'.repeat(14)} 50 %`)
  assert.equal(barLine('line 1', 0.5, '50 % · step 10/20', 33), `line 1 ████${'░'.repeat(4)} 50 % · step 10/20`)
  assert.equal(barLine('line 1', 0.5, '50 % · step 10/20', 25), 'line 1 50 % · step 10/20')
  assert.equal(barLine('line 1', 0.5, '50 % · step 10/20', 20), 'line 1 50 % · step …')
  // Ideographs take two columns each.
  assert.equal(barLine('狐の冒険', 0.5, '50 %', 12), '狐の冒険 50…')
})

for (const columns of [60, 80, 120]) {
  test(`in a pseudo-terminal of ${columns} columns one line stays, with NO_COLOR too`, (t) => {
    const file = JSON.stringify(new URL('./progress.ts', import.meta.url).href)
    const code = `import { progressBar } from ${file}
      import { setTimeout as sleep } from 'node:timers/promises'
      const bar = progressBar('A day with Fern and Bo in the forest', 20, { percent: true })
      for (let i = 1; i <= 20; i++) { bar(i, '· sampling · step ' + i + '/20 · frame 0/4'); await sleep(25) }`
    const quoted = code.replaceAll("'", `'\\''`)
    const line = `stty cols ${columns} rows 24; '${process.execPath}' --input-type=module -e '${quoted}'`
    const { error, status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })
    if (error) return t.skip('there is no script(1) to make a pseudo-terminal')
    assert.equal(status, 0, stdout)
    const screen = screenOf(stdout, columns)
    assert.equal(screen.length, 1, screen.join('\n'))
    assert.match(screen[0]!, /^A day with Fern and Bo in the forest .*100 % · sampling/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
    assert.doesNotMatch(stdout, /\x1b\[\d*m/)
  })
}

/** The lines that a terminal of so many columns is left with. */
function screenOf(output: string, columns: number): string[] {
  const screen: string[][] = [[]]
  let [row, column] = [0, 0]
  let saved = [0, 0]
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what moves the cursor.
  for (const [token, , parameter = '', letter] of output.matchAll(/\x1b(\[(\??\d*)([A-Za-z])|[78])|[^\x1b]/gu)) {
    if (token === '\x1b7') saved = [row, column]
    else if (token === '\x1b8') [row, column] = saved as [number, number]
    else if (letter === 'G') column = Number(parameter || 1) - 1
    else if (letter === 'K') screen[row]!.splice(parameter === '2' ? 0 : column)
    else if (letter !== undefined) continue
    else if (token === '\r') column = 0
    else if (token === '\n') [row, column] = [row + 1, 0]
    else {
      if (column === columns) [row, column] = [row + 1, 0]
      screen[row] ??= []
      screen[row]![column++] = token
    }
    screen[row] ??= []
  }
  return screen
    .map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    )
    .filter((line) => line !== '')
}
