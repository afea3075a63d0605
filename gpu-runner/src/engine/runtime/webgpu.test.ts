/** The `webgpu` provider on a software device. Each test runs in a process of its own, so that a crash fails it alone. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { softwareGpu } from '../../../../test/software-gpu.ts'
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts'

const { env, skip } = softwareGpu()
const cli = join(import.meta.dirname, '../../cli')

test('a prompt becomes the picture of the reference: text encoder, guided UNet, decoder', { skip }, async (t) => {
  const folder = oneRun(t, 'e2e-sd15-tiny', 'euler_a5')
  const { code, stdout, stderr } = await run('parity.ts', [folder, '--device', 'webgpu'])
  assert.match(stdout, /^e2e-sd15-tiny .* yes$/m, `${stdout}\n${stderr}`)
  assert.match(stdout, /^1 of 1 pass on webgpu$/m)
  assert.equal(code, 0)
})

test('the doctor sees a device that agrees with the CPU, with attention in portable form', { skip }, async () => {
  const { stdout, stderr } = await run('doctor-device.ts', ['webgpu'])
  assert.match(stdout, /^\{/, stderr)
  const { maxError, attention } = JSON.parse(stdout)
  assert.ok(maxError > 0 && maxError < 1e-5, `an error of ${maxError}; 0 means that the CPU computed it`)
  // SwiftShader's subgroups are too narrow for the fused kernel: where this fails, it was mended.
  assert.equal(attention, 'portable')
})

test('no device is a typed error', { skip: process.platform === 'linux' ? false : 'Vulkan is for Linux' }, async () => {
  const nowhere = { ...process.env, VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' }
  const { stdout } = await run('doctor-device.ts', ['webgpu'], nowhere)
  assert.match(JSON.parse(stdout).problem, /adapter/)
})

/** The golden case `name` with one of its runs only. */
function oneRun(t: TestContext, name: string, id: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'webgpu-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(join(import.meta.dirname, '../../../../test/golden', name), folder, { recursive: true })
  const json = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
  json.runs = json.runs.filter((one: { id: string }) => one.id === id)
  writeFileSync(join(folder, 'case.json'), JSON.stringify(json))
  const { tensors, bytes } = openSafetensors(join(folder, 'outputs.safetensors'))
  const kept = [...tensors].filter(([tensor]) => tensor.startsWith(`${id}.`))
  const copies = kept.map(([tensor, { dtype, shape }]) => [tensor, { dtype, shape, data: bytes(tensor) }] as const)
  assert.ok(copies.length > 3, `${name} expects too little of ${id}`)
  writeSafetensors(join(folder, 'outputs.safetensors'), Object.fromEntries(copies))
  return folder
}

interface Ended {
  code: number
  stdout: string
  stderr: string
}

function run(script: string, args: readonly string[], environment = env ?? process.env): Promise<Ended> {
  const options = { timeout: 220_000, killSignal: 'SIGKILL', env: environment } as const
  return new Promise((resolve) => {
    execFile(process.execPath, [join(cli, script), ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}
