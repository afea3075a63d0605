/**
 * `npm run test:slowest [-- <files>]`: what each test file costs, largest first. CPU seconds, with those of workerd, runners
 * and whatever else it starts, since seconds on the clock say little on a machine that does other things too.
 */
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const timed = 'TIMEFORMAT="%U %S %R"; time "$0" --test "$1" >/dev/null 2>&1'
/** As `npm test` names them. */
const [, pattern = ''] =
  /"([^"]*\*\.test\.ts)"/.exec(JSON.parse(readFileSync('package.json', 'utf8')).scripts.test) ?? []
const named = process.argv.slice(2)
const files = named.length > 0 ? named : globSync(pattern)
interface Cost {
  cpu: number
  seconds: number
  passed: boolean
}
const costs: (Cost & { file: string })[] = []

for (const [i, file] of files.entries()) {
  process.stderr.write(`${i + 1} of ${files.length}: ${file}\n`)
  costs.push({ file, ...(await costOf(file)) })
}
costs.sort((a, b) => b.cpu - a.cpu)
console.log('CPU s  clock s  file')
for (const { file, cpu, seconds, passed } of costs)
  console.log(`${cpu.toFixed(1).padStart(5)}  ${seconds.toFixed(1).padStart(7)}  ${file}${passed ? '' : '  failed'}`)
const all = costs.reduce((sum, { cpu }) => sum + cpu, 0)
console.log(`${all.toFixed(1).padStart(5)}           all ${files.length}`)

async function costOf(file: string): Promise<Cost> {
  const run = promisify(execFile)('bash', ['-c', timed, process.execPath, file])
  const { stderr, code } = await run.then(({ stderr }) => ({ stderr, code: 0 })).catch((error: Failed) => error)
  const [user = 0, system = 0, seconds = 0] = stderr.trim().split(' ').map(Number)
  return { cpu: user + system, seconds, passed: code === 0 }
}

interface Failed {
  stderr: string
  code: number
}
