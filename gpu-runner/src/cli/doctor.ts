/** `npm run doctor`: what this machine has, whether each device computes what the CPU does, and what to install. */
import { join } from 'node:path'
import type { DeviceCheck } from '../engine/runtime/check-device.ts'
import { devices } from '../engine/runtime/device.ts'
import { useThreads } from '../engine/runtime/threads.ts'
import { type Command, command, sentenceOf } from './command.ts'
import { jsonOf } from './doctor/child.ts'
import { type Diagnosis, diagnose } from './doctor/diagnosis.ts'
import { inspectMachine, type Machine } from './doctor/machine.ts'

const usage = `usage: npm run doctor -- [--json] [--timeout <seconds a device, default 120>]

Exits 0 when the CPU works, 1 when it does not.`

const cli: Command = command('doctor', usage)
const { json, timeoutMs } = readOptions()
const machine = inspectMachine()
if (!json) printMachine(machine)
const diagnoses: Diagnosis[] = []
for (const device of devices) {
  const outcome = await jsonOf<DeviceCheck>(join(import.meta.dirname, 'doctor-device.ts'), [device], timeoutMs)
  const diagnosis = diagnose(device, outcome, machine)
  diagnoses.push(diagnosis)
  if (!json) printDiagnosis(diagnosis)
}
if (json) process.stdout.write(`${JSON.stringify({ machine, devices: diagnoses }, null, 2)}\n`)
process.exitCode = diagnoses.some(({ device, verdict }) => device === 'cpu' && verdict === 'works') ? 0 : 1

function printMachine(machine: Machine): void {
  const gigabytes = `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB of memory`
  const rows = {
    system: `${machine.system}, Node ${machine.node}, onnxruntime ${machine.onnxruntime}`,
    processor: `${machine.cpu}, ${machine.cores} cores, ${gigabytes}`,
    'NVIDIA GPU': machine.nvidia?.join('; ') ?? 'none (nvidia-smi does not run)',
    'Vulkan drivers': machine.vulkanDrivers.join(', ') || 'none',
    'GPU libraries': machine.libraries.join(', ') || 'none',
    threads: `${machine.threads} for each session; FABLEFRAME_THREADS changes it`,
    providers: machine.providerFiles.join(', '),
  }
  for (const [name, value] of Object.entries(rows)) print(name, value)
  process.stdout.write('\n')
}

function printDiagnosis({ device, verdict, outcome, advice }: Diagnosis): void {
  if ('problem' in outcome) print(device, `${verdict}: ${outcome.problem}`)
  else {
    const { maxError, attention, firstSeconds, seconds } = outcome
    const times = `${firstSeconds.toFixed(2)} s to open and run, ${seconds.toFixed(3)} s to run again`
    const against =
      device === 'cpu' ? 'it is the reference' : `largest error against the CPU ${maxError.toExponential(1)}`
    print(device, `${verdict}: ${against}; ${attention} attention; ${times}`)
  }
  for (const line of advice) process.stdout.write(`${' '.repeat(16)}- ${line}\n`)
}

function print(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(16)}${value}\n`)
}

function readOptions(): { json: boolean; timeoutMs: number } {
  const { values } = cli.read({
    json: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '120' },
  })
  try {
    useThreads(undefined)
  } catch (error) {
    cli.fail(sentenceOf(error))
  }
  const seconds = Number(values.timeout)
  if (!(seconds > 0)) cli.fail(`--timeout must be a number of seconds, not '${values.timeout}'`)
  return { json: values.json, timeoutMs: seconds * 1e3 }
}
