import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoryRequest } from '../../../../contract/story.ts'
import { openSafetensors } from '../../engine/io/safetensors.ts'
import { adapterConfig, crossAttentionLayers } from '../../engine/models/ip-adapter.ts'
import { parseUNetConfig } from '../../engine/models/unet-config.ts'
import { openStoryModel } from '../../story/open.ts'
import { StoryRejected } from '../../story/types.ts'
import { readState, weightsFile } from './checkpoint.ts'
import { exportModel } from './export.ts'
import { recipes } from './recipes.ts'
import type { Stage, StageOptions, StageReport } from './stage.ts'
import { autoencoderStage } from './stage-autoencoder.ts'
import { denoiserStage } from './stage-denoiser.ts'
import { identityStage } from './stage-identity.ts'
import { segmenterStage } from './stage-segmenter.ts'
import { setsStage } from './stage-sets.ts'
import { textEncoderStage } from './stage-text-encoder.ts'

const recipe = recipes.tiny!
const resumes = 'a run that was stopped and resumed ends where an uninterrupted one does'

/** Run `stage` until `steps` steps are done in all, and return what it reported. */
async function run(
  stage: Stage,
  folder: string,
  steps: number,
  more: Partial<StageOptions> = {},
): Promise<StageReport[]> {
  const stop = new AbortController()
  const reports: StageReport[] = []
  const options = {
    recipe,
    folder,
    seed: 1,
    minutes: 10,
    resume: false,
    sheetMinutes: 10,
    signal: stop.signal,
    ...more,
  }
  for await (const report of stage(options)) {
    reports.push(report)
    if (report.step >= steps) stop.abort()
  }
  return reports
}

const mean = (reports: StageReport[]) => reports.reduce((sum, { loss }) => sum + loss, 0) / reports.length
const falls = (reports: StageReport[]) => {
  const [first, last] = [mean(reports.slice(0, 10)), mean(reports.slice(-10))]
  assert.ok(last < 0.95 * first, `the loss went from ${first} to ${last}`)
}

test('from an empty folder: every stage lowers its loss, resumes to the same numbers, and the model generates a story', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-train-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))

  await t.test('text encoder', async () => {
    falls(await run(textEncoderStage, folder, 80))
    assert.ok(existsSync(join(folder, 'tokenizer', 'vocab.json')))
  })
  await t.test('autoencoder', async () => {
    falls(await run(autoencoderStage, folder, 60))
    assert.ok(existsSync(join(folder, 'training', 'autoencoder.png')))
  })
  await t.test('denoiser', async () => falls(await run(denoiserStage, folder, 60)))

  await t.test('segmenter', async () => falls(await run(segmenterStage, folder, 60)))
  await t.test('identity', async () => falls(await run(identityStage, folder, 60)))
  await t.test('sets', async () => {
    falls(await run(setsStage, folder, 40))
    const { tensors } = openSafetensors(join(folder, 'ip_adapter.safetensors'))
    assert.deepEqual(adapterConfig(tensors), recipe.identity.training.adapter)
    const layers = crossAttentionLayers(parseUNetConfig(recipe.denoiser.config))
    const numbers = layers.flatMap((_, i) => ['k', 'v'].map((kind) => `ip_adapter.${2 * i + 1}.to_${kind}_ip.weight`))
    assert.deepEqual([...tensors.keys()].filter((name) => name.startsWith('ip_adapter.')).sort(), numbers.sort())
  })

  const stages = { denoiser: denoiserStage, sets: setsStage }
  for (const [name, stage] of Object.entries(stages)) await t.test(`${name}: ${resumes}`, () => resumed(name, stage))

  async function resumed(name: string, stage: Stage): Promise<void> {
    const state = () => readState(join(folder, 'training', name))
    // Stages refine what they begin with, so that every run must be given the same.
    const begun = ['text_encoder/model', 'unet/diffusion_pytorch_model', 'image_encoder/model', 'ip_adapter'].map(
      (base) => weightsFile(folder, base),
    )
    const before = begun.map((file) => readFileSync(file))
    const restore = () => begun.map((file, i) => writeFileSync(file, before[i]!))
    const whole = await run(stage, folder, 4)
    const wanted = new Map(state().names.map((name) => [name, state().read(name)]))
    restore()
    await run(stage, folder, 2)
    restore()
    const rest = await run(stage, folder, 4, { resume: true })
    assert.deepEqual(
      rest.map(({ step }) => step),
      [3, 4],
    )
    assert.deepEqual(
      rest.map(({ loss }) => loss),
      whole.slice(2).map(({ loss }) => loss),
    )
    for (const [name, values] of wanted) assert.deepEqual(state().read(name), values, name)
  }

  await t.test('the exported folder opens and generates a story', async () => {
    const target = join(folder, 'exported')
    exportModel(folder, target, [1, 3])
    assert.ok(existsSync(join(target, 'image_encoder', 'config.json')))
    assert.ok(existsSync(join(target, 'ip_adapter.safetensors')))
    const model = await openStoryModel({ folder: target, device: 'cpu' })
    const request = StoryRequest.parse({
      characters: [{ id: 'a', name: 'Ann', description: 'a gray cat' }],
      frames: [{ prompt: 'Ann waves' }, { prompt: 'Ann sleeps' }, { prompt: 'a forest' }],
      steps: 3,
      width: 96,
      height: 64,
    })
    const generate = async (skip?: ReadonlySet<number>) => {
      const frames = new Map<number, Uint8Array>()
      const signal = new AbortController().signal
      for await (const event of model.generate(request, { seed: 5, signal, ...(skip ? { skip } : {}) }))
        if (event.type === 'frame') frames.set(event.frame.index, event.frame.rgb)
      return frames
    }
    const all = await generate()
    assert.deepEqual([...all.keys()], [0, 1, 2])
    assert.ok([...all.values()].every((rgb) => rgb.length === 96 * 64 * 3))
    assert.deepEqual(
      await generate(new Set([0, 2])),
      new Map([[1, all.get(1)]]),
      'finished frames are skipped, the rest is the same',
    )
    const large = { ...request, width: 512 }
    await assert.rejects(model.generate(large, { seed: 5, signal: new AbortController().signal }).next(), StoryRejected)
    const aborted = AbortSignal.abort(new Error('enough'))
    await assert.rejects(async () => {
      for await (const _ of model.generate(request, { seed: 5, signal: aborted }));
    }, /enough/)
    await model.close()
  })
})

test('sets without a segmentation network say which stage comes first', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-train-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await assert.rejects(run(setsStage, folder, 1), /segmenter.model\.safetensors is missing; run the stage 'segmenter'/)
})

test('a denoiser without an autoencoder says which file it misses', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-train-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await assert.rejects(run(denoiserStage, folder, 1), /vae.config\.json/)
})
