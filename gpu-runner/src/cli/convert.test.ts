import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sd15 } from '../../../test/model-folder.ts'
import { openSafetensors } from '../engine/io/safetensors.ts'

const program = join(import.meta.dirname, 'convert.ts')
const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })

test('a folder becomes one file; what is there already is kept, and what makes no sense is said in a line', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'convert-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const out = join(folder, 'below', 'model.safetensors')
  const made = run('--model', sd15, '--to', 'ldm', '--out', out)
  assert.equal(made.status, 0, made.stderr)
  assert.ok(openSafetensors(out).tensors.has('model.diffusion_model.input_blocks.0.0.weight'))
  const again = run('--model', sd15, '--out', out)
  assert.deepEqual([again.status, /is there already; --force replaces it/.test(again.stderr)], [1, true])
  const other = run('--model', sd15, '--out', join(folder, 'x.ckpt'))
  assert.deepEqual([other.status, /must end in \.safetensors/.test(other.stderr)], [2, true])
  const none = run('--model', join(folder, 'none'), '--out', join(folder, 'none.safetensors'))
  assert.deepEqual([none.status, /model_index\.json is missing/.test(none.stderr)], [1, true])
  assert.equal(existsSync(join(folder, 'none.safetensors')), false)
})
