import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const golden = join(import.meta.dirname, '../../../test/golden')

test('every golden case passes, one row each', () => {
  const { status, stdout } = parity(golden)
  assert.match(stdout, /^case +max abs +max rel +tolerance +pass$/m)
  for (const name of ['unet-eps-probe', 'vae-legacy-names', 'clip-text-eps-probe', 'e2e-sd15-tiny', 'image-preprocess'])
    assert.match(stdout, new RegExp(`^${name} .* yes$`, 'm'))
  assert.doesNotMatch(stdout, /NO|not understood/)
  assert.equal(status, 0)
})

test('an expected value that is not what we compute fails, and says which output', (t) => {
  const folder = copy(t, 'unet-eps-probe')
  const path = join(folder, 'outputs.safetensors')
  const bytes = readFileSync(path)
  bytes.writeFloatLE(0.5, bytes.length - 4)
  writeFileSync(path, bytes)
  const { status, stdout } = parity(folder)
  assert.match(stdout, /^unet-eps-probe .* NO$/m)
  assert.match(stdout, /a\.out: 1 of 256 values are outside/)
  assert.equal(status, 1)
})

test('a token id that differs by one fails', (t) => {
  const folder = copy(t, 'clip-tokenizer-small')
  const path = join(folder, 'strings.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"ids": [320]', '"ids": [321]'))
  const { status, stdout } = parity(folder)
  assert.match(stdout, /^clip-tokenizer-small .* NO$/m)
  assert.match(stdout, /\[320\], not \[321\]/)
  assert.equal(status, 1)
})

test('what is not understood is no pass: an unknown kind, class or output, a missing file', (t) => {
  const kind = copy(t, 'unet-eps-probe')
  edit(join(kind, 'case.json'), '"kind": "unet"', '"kind": "unet_3d"')
  notUnderstood(kind, /no case of kind 'unet_3d' is known, only unet, /)

  const sampler = copy(t, 'schedulers/ddim-clip-eta05')
  edit(join(sampler, 'scheduler_config.json'), 'DDIMScheduler', 'MagicScheduler')
  notUnderstood(sampler, /no scheduler "MagicScheduler"/)

  const output = copy(t, 'unet-eps-probe')
  edit(join(output, 'outputs.safetensors'), '"a.out"', '"a.oux"')
  notUnderstood(output, /nothing computes a\.oux/)

  const missing = copy(t, 'unet-eps-probe')
  rmSync(join(missing, 'inputs.safetensors'))
  notUnderstood(missing, /no input 'a\.sample'/)
})

test('a folder without cases and a wrong option are refused', (t) => {
  const empty = mkdtempSync(join(tmpdir(), 'parity-'))
  t.after(() => rmSync(empty, { recursive: true }))
  assert.deepEqual([parity(empty).status, parity(join(empty, 'none')).status, parity().status], [1, 2, 2])
  const { status, stderr } = parity(golden, '--device', 'abacus')
  assert.match(stderr, /--device must be cpu, webgpu or cuda, not 'abacus'/)
  assert.equal(status, 2)
})

function parity(...args: string[]) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'parity.ts'), ...args], { encoding: 'utf8' })
}

function notUnderstood(folder: string, reason: RegExp): void {
  const { status, stdout } = parity(folder)
  assert.match(stdout, / not understood$/m)
  assert.match(stdout, reason)
  assert.equal(status, 1)
}

function copy(t: TestContext, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'parity-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(join(golden, name), folder, { recursive: true })
  return folder
}

/** Bytes for bytes, so that a binary file keeps its offsets. */
function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'latin1')
  assert.ok(text.includes(from), `${path} holds no ${from}`)
  writeFileSync(path, text.replace(from, to), 'latin1')
}
