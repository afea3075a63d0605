import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyModel, sd15 } from '../../../test/model-folder.ts'
import { openSafetensors } from '../engine/io/safetensors.ts'
import { calibrationFile, readCalibration } from '../engine/pipeline/calibration.ts'

const program = join(import.meta.dirname, 'calibrate.ts')
const storyMini = join(import.meta.dirname, '../../models/story-mini')

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('a model that reads references gets a file by which likeness is a probability, the same from the same seed', (t) => {
  const model = copyModel(t, storyMini)
  const file = join(model, calibrationFile)
  const made = () => {
    rmSync(file, { force: true })
    const { status, stdout, stderr } = run('--model', model, '--sets', '10')
    assert.equal(status, 0, stderr)
    return stdout
  }
  const said = made()
  const [tokens, width] = openSafetensors(file).tensors.get('mean')!.shape as [number, number]
  const calibration = readCalibration(file, [tokens, width])!
  assert.ok(calibration.slope > 0, 'what is more alike must be likelier the same')
  const auc = Number(/ROC curve (0\.\d+)/.exec(said)?.[1])
  assert.ok(auc > 0.85, said)
  assert.equal(made(), said)
})

test('a model without an image encoder, and flags that make no sense, are refused in a line', (t) => {
  const model = copyModel(t, sd15)
  const { status, stderr } = run('--model', model)
  assert.equal(status, 1)
  assert.match(stderr, /has no ip_adapter\.safetensors and image_encoder\//)
  assert.equal(existsSync(join(model, calibrationFile)), false)
  for (const flags of [['--sets', '3'], ['--seed', 'x'], ['--what']])
    assert.deepEqual([run(...flags).status, run(...flags).stdout], [2, ''], flags.join(' '))
})
