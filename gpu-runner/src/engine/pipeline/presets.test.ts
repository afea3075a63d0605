import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoryRequest } from '../../../../contract/story.ts'
import { copyModel, editJson, sd15 } from '../../../../test/model-folder.ts'
import { factsOf } from '../../story/model-facts.ts'
import { settingsOf } from '../../story/plan/settings.ts'
import { createSchedule } from '../diffusion/schedulers/index.ts'
import { openPipeline } from './open.ts'
import { presetOf } from './presets.ts'

const euler = { _class_name: 'EulerDiscreteScheduler', beta_schedule: 'scaled_linear' }

test('published files of few steps are known by their names', () => {
  const cases: Record<string, readonly [string, number, string]> = {
    'sdxl_lightning_8step_unet.safetensors': ['Lightning', 8, 'EulerDiscreteScheduler'],
    'sdxl_lightning_4step.safetensors': ['Lightning', 4, 'EulerDiscreteScheduler'],
    'Hyper-SDXL-8steps-lora.safetensors': ['Hyper-SD', 8, 'DDIMScheduler'],
    'Hyper-SD15-2step-lora.safetensors': ['Hyper-SD', 2, 'DDIMScheduler'],
    'pytorch_lora_weights_lcm.safetensors': ['LCM', 4, 'LCMScheduler'],
    'lcm-lora-sdv1-5': ['LCM', 4, 'LCMScheduler'],
    'dmd2_sdxl_4step_lora.safetensors': ['DMD2', 4, 'LCMScheduler'],
    'sd_xl_turbo_1.0_fp16.safetensors': ['Turbo', 4, 'EulerAncestralDiscreteScheduler'],
    'TCD-SDXL-LoRA': ['TCD', 4, 'TCDScheduler'],
  }
  for (const [file, [name, steps, scheduler]] of Object.entries(cases)) {
    const preset = presetOf(['v1-5-pruned', file], euler)
    assert.deepEqual([preset?.name, preset?.steps, preset?.guidance], [name, steps, 1], file)
    assert.equal({ ...euler, ...preset?.scheduler }._class_name, scheduler)
    assert.equal(createSchedule({ ...euler, ...preset?.scheduler }, { steps }).timesteps.length, steps)
  }
  for (const name of ['v1-5-pruned', 'calculus', 'dreamshaper_8', 'tcdx']) assert.equal(presetOf([name], euler), null)
  assert.equal(presetOf(['x-turbo'], { _class_name: 'FlowMatchEulerDiscreteScheduler' }), null)
})

test('a model of few steps is sampled so unless the story says otherwise', async (t) => {
  const folder = copyModel(t, sd15)
  editJson(join(folder, 'scheduler/scheduler_config.json'), { _class_name: 'LCMScheduler' })
  const pipeline = await openPipeline(folder, {})
  await pipeline.release()
  const settings = (more: object) => {
    const { steps, guidance_scale, scheduler } = settingsOf(
      StoryRequest.parse({ frames: [{ prompt: 'a fox' }], ...more }),
      null,
      factsOf(pipeline),
    )
    return [steps, guidance_scale, scheduler]
  }
  assert.deepEqual(settings({}), [4, 1, null])
  assert.deepEqual(settings({ steps: 9, guidance_scale: 2, scheduler: 'tcd' }), [9, 2, 'tcd'])
})
