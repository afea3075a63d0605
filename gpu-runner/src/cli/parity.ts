/** `npm run parity -- <folder>`: run golden cases and compare with what they expect, one row a case. */
import { existsSync } from 'node:fs'
import { isDevice } from '../engine/runtime/device.ts'
import { type Device, findCases } from '../lab/parity/case.ts'
import { type CaseResult, runCase } from '../lab/parity/run.ts'
import { type Command, command } from './command.ts'

const usage = `usage: npm run parity -- <folder of cases> [--device cpu|webgpu|cuda]

Prints one row a case; errors are the largest of all its outputs, the relative ones to the largest expected value of
the tensor. Exits 1 when a case fails or is not understood.`

const cli: Command = command('parity', usage)
const { folder, device } = readOptions()
const folders = findCases(folder)
if (folders.length === 0) cli.fail(`${folder} holds no case.json`, 1)
print('case', 'max abs', 'max rel', 'tolerance', 'pass')
let passed = 0
for (const path of folders) {
  const result = await runCase(path, device)
  if (result.verdict === 'pass') passed++
  printResult(result)
}
process.stdout.write(`${passed} of ${folders.length} pass on ${device}\n`)
process.exitCode = passed === folders.length ? 0 : 1

function printResult({ name, maxAbs, maxRel, tolerance, verdict, notes }: CaseResult): void {
  const known = verdict !== 'not understood'
  const bounds = tolerance ? `${tolerance.atol} + ${tolerance.rtol}·|x|` : '-'
  const number = (value: number) => (known ? value.toExponential(1) : '-')
  print(name, number(maxAbs), number(maxRel), bounds, verdict === 'pass' ? 'yes' : verdict === 'fail' ? 'NO' : verdict)
  for (const note of notes.slice(0, 5)) process.stdout.write(`  ${note}\n`)
  if (notes.length > 5) process.stdout.write(`  and ${notes.length - 5} more\n`)
}

function print(name: string, abs: string, rel: string, tolerance: string, pass: string): void {
  process.stdout.write(`${name.padEnd(36)} ${abs.padStart(8)} ${rel.padStart(8)}  ${tolerance.padEnd(18)} ${pass}\n`)
}

function readOptions(): { folder: string; device: Device } {
  const { values, positionals } = cli.read({ device: { type: 'string', default: 'cpu' } }, { positionals: true })
  const [folder, ...more] = positionals
  if (!folder) return cli.fail('a folder is missing')
  if (more.length > 0) cli.fail(`one folder, not ${positionals.length}`)
  if (!existsSync(folder)) cli.fail(`${folder} does not exist`)
  if (!isDevice(values.device)) return cli.fail(`--device must be cpu, webgpu or cuda, not '${values.device}'`)
  return { folder, device: values.device }
}
