import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jsonOf } from './doctor/child.ts'

test('the doctor says what there is, that the CPU works, and what to do about the rest', () => {
  const { status, stdout } = doctor('--json')
  const { machine, devices } = JSON.parse(stdout)
  assert.equal(machine.node, process.versions.node)
  assert.match(machine.onnxruntime, /^1\.\d+\.\d+$/)
  assert.ok(machine.threads >= 1)
  assert.ok(machine.cores >= 1 && machine.memoryBytes > 2 ** 28)
  assert.deepEqual(
    devices.map(({ device }: { device: string }) => device),
    ['cpu', 'webgpu', 'cuda'],
  )
  const [cpu, ...gpus] = devices
  assert.equal(cpu.verdict, 'works')
  assert.deepEqual(Object.keys(cpu.outcome.errors), ['convolution', 'normalisation', 'attention', 'product'])
  for (const { verdict, advice } of gpus) assert.ok(verdict === 'works' || advice.length > 0)
  assert.equal(status, 0)
})

test('in words, one line a device', () => {
  const { status, stdout } = doctor()
  assert.match(stdout, /^processor +.* cores, .* GiB of memory$/m)
  assert.match(stdout, /^threads +\d+ for each session; FABLEFRAME_THREADS changes it$/m)
  assert.match(stdout, /^cpu +works: it is the reference; fused attention; /m)
  assert.match(stdout, /^webgpu +(works|wrong|unusable): /m)
  assert.match(stdout, /^cuda +(works|wrong|unusable): /m)
  assert.equal(status, 0)
})

test('a wrong option is refused', () => {
  const { status, stderr } = doctor('--timeout', 'soon')
  assert.match(stderr, /--timeout must be a number of seconds, not 'soon'/)
  assert.equal(status, 2)
})

test('a device that crashes, hangs, fails or talks nonsense is a finding, not the end of the doctor', async (t) => {
  const outcome = (code: string) => jsonOf(script(t, code), [], 4_000)
  assert.deepEqual(await outcome('process.kill(process.pid, "SIGSEGV")'), { problem: 'it crashed (SIGSEGV)' })
  assert.deepEqual(await outcome('for (;;);'), { problem: 'no answer within 4 s' })
  assert.deepEqual(await outcome('throw new RangeError("no adapter")'), { problem: 'RangeError: no adapter' })
  assert.deepEqual(await outcome('process.exit(3)'), { problem: 'it ended with code 3' })
  assert.deepEqual(await outcome('console.log("ready")'), { problem: 'it printed no JSON: ready\n' })
  assert.deepEqual(await outcome('console.log("[1]")'), [1])
})

function doctor(...args: string[]) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'doctor.ts'), ...args], { encoding: 'utf8' })
}

function script(t: TestContext, code: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'script.js')
  writeFileSync(path, code)
  return path
}
