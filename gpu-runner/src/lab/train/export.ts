/** Puts a trained model together as a folder that this engine and diffusers load. */
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeJsonSync, writeWholeSync } from '../../engine/io/whole-file.ts'
import { writeCaptionVocabulary } from '../storydb/caption-vocabulary.ts'
import type { Level } from '../storydb/levels.ts'
import { logFile, modelCard, recipeFile, trainedStages, trainingCharts } from './model-card.ts'

const parts = ['vae', 'unet', 'text_encoder', 'tokenizer']
/**
 * What a model has once it was trained with references: the image encoder, IP-Adapter's layers with their projection, and
 * the segmentation network that further training needs.
 */
const identityParts = ['image_encoder', 'ip_adapter.safetensors', 'segmenter']

const partsOf = (folder: string) => [...parts, ...identityParts.filter((part) => existsSync(join(folder, part)))]

/** Rectified flow, as the denoiser was trained; the shift spends more of the steps on layout than on texture. */
export const scheduler = {
  _class_name: 'FlowMatchEulerDiscreteScheduler',
  num_train_timesteps: 1000,
  shift: 2,
}

const modelIndex = {
  _class_name: 'StableDiffusionPipeline',
  feature_extractor: [null, null],
  image_encoder: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ['diffusers', scheduler._class_name],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderTiny'],
}

/** Take over the parts of a finished model that are not in `to` yet. */
export function copyParts(from: string, to: string): void {
  for (const part of partsOf(from)) cpSync(join(from, part), join(to, part), { recursive: true, force: false })
  copyLogs(from, to, false)
}

/** What training said of itself goes along, so that a card has all of it, however many runs there were. */
function copyLogs(from: string, to: string, force: boolean): void {
  for (const stage of trainedStages) {
    for (const fileOf of [logFile, recipeFile]) {
      const [note, copy] = [fileOf(from, stage), fileOf(to, stage)]
      if (!existsSync(note)) continue
      mkdirSync(dirname(copy), { recursive: true })
      cpSync(note, copy, { force })
    }
  }
}

/** Copy the trained parts of `from` to `to`, without the training state, and list the words of the captions of `levels`. */
export function exportModel(from: string, to: string, levels: readonly Level[]): void {
  for (const part of partsOf(from)) cpSync(join(from, part), join(to, part), { recursive: true })
  mkdirSync(join(to, 'scheduler'), { recursive: true })
  writeJsonSync(join(to, 'scheduler', 'scheduler_config.json'), scheduler)
  writeCaptionVocabulary(to, levels)
  copyLogs(from, to, true)
  for (const [file, svg] of Object.entries(trainingCharts(from))) writeWholeSync(join(to, file), svg)
  writeWholeSync(join(to, 'README.md'), modelCard(from))
  writeJsonSync(join(to, 'model_index.json'), modelIndex)
}
