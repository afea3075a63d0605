/** The models this repository trains, and how. Configurations are the files that diffusers and transformers read. */

import type { AdapterConfig } from '../../engine/models/ip-adapter.ts'
import type { Level } from '../storydb/levels.ts'
import type { AutoencoderRecipe } from './autoencoder.ts'
import { captionTokens } from './captions.ts'
import type { DenoiserRecipe } from './denoiser.ts'
import type { IdentityRecipe } from './identity.ts'
import type { JudgesRecipe } from './judge-feeds.ts'
import type { PoolRecipe } from './latent-pool.ts'
import type { SheetRecipe } from './pictures.ts'
import type { SegmenterConfig } from './segmenter.ts'
import type { SetRecipe } from './set-loss.ts'
import type { SetPoolRecipe } from './sets.ts'

export interface Recipe {
  vocabulary: { captions: number; size: number; levels: readonly Level[] }
  textEncoder: {
    config: Record<string, unknown>
    /** Captions are drawn from these levels in turn. */
    levels: readonly Level[]
    batch: number
    rate: number
    steps: number
  }
  autoencoder: {
    config: Record<string, unknown>
    training: AutoencoderRecipe
    pool: PoolRecipe
    rate: number
    steps: number
  }
  denoiser: { config: Record<string, unknown>; training: DenoiserRecipe; pool: PoolRecipe; rate: number; steps: number }
  segmenter: {
    training: SegmenterConfig
    batch: number
    pool: PoolRecipe
    /** Latents get noise of a deviation drawn from 0 to this: a denoiser's pictures are not clean either. */
    latentNoise: number
    rate: number
    steps: number
  }
  identity: {
    training: IdentityRecipe
    batch: number
    /** `reference` is the side of the cut-outs that are kept, in pixels. */
    pool: PoolRecipe & { reference: number }
    /** Share of pictures that show only a part of the character. */
    regions: number
    rate: number
    steps: number
  }
  sets: { training: SetRecipe; pool: Omit<SetPoolRecipe, 'frames'>; rate: number; steps: number }
  judges: JudgesRecipe
  sheet: SheetRecipe
}

const textEncoder = (width: number, layers: number, vocabulary: number) => ({
  architectures: ['CLIPTextModel'],
  model_type: 'clip_text_model',
  vocab_size: vocabulary,
  hidden_size: width,
  intermediate_size: 4 * width,
  num_hidden_layers: layers,
  num_attention_heads: width / 32,
  max_position_embeddings: captionTokens,
  hidden_act: 'quick_gelu',
  layer_norm_eps: 1e-5,
  projection_dim: width,
})

const autoencoder = (encoder: number, decoder: number, latent: number) => ({
  _class_name: 'AutoencoderTiny',
  in_channels: 3,
  out_channels: 3,
  encoder_block_out_channels: [encoder, encoder, encoder, encoder],
  decoder_block_out_channels: [decoder, decoder, decoder, decoder],
  num_encoder_blocks: [0, 0, 0, 0],
  num_decoder_blocks: [2, 2, 2, 1],
  act_fn: 'relu',
  latent_channels: latent,
  upsampling_scaling_factor: 2,
  latent_magnitude: 3,
  latent_shift: 0.5,
  scaling_factor: 1,
  shift_factor: 0,
})

const unet = (channels: number[], latent: number, context: number, groups: number) => ({
  _class_name: 'UNet2DConditionModel',
  sample_size: 16,
  in_channels: latent,
  out_channels: latent,
  block_out_channels: channels,
  down_block_types: channels.map(() => 'CrossAttnDownBlock2D'),
  up_block_types: channels.map(() => 'CrossAttnUpBlock2D'),
  mid_block_type: 'UNetMidBlock2DCrossAttn',
  layers_per_block: 1,
  attention_head_dim: channels.map((c) => Math.max(1, c / 32)),
  cross_attention_dim: context,
  norm_num_groups: groups,
  use_linear_projection: true,
  prompt_layout: 'columns',
})

const setTraining = {
  ...{ pieces: 2, sets: 2, frames: 4, shift: 2.5, characterWeight: 2.5, mapWeight: 0.05 },
  ...{ textDrop: 0.1, imageDrop: 0.4, bothDrop: 0.05, shortCaptions: 0.5 },
  ...{ alone: 0.2, frameDrop: 0.15, keyDrop: 0.6, truthAtEnd: 0.3, commonLevel: 0.8, cleanFrame: 0.4 },
  ...{ perceptualWeight: 0.1, segmentWeight: 0.05, perceptualWarmup: 2_000 },
}

const imageEncoder = (size: number, channels: number[]) => ({
  _class_name: 'CharacterEncoder',
  image_size: size,
  channels,
})

const projection = (tokens: number, width: number): AdapterConfig => ({
  ...{ kind: 'base', tokens, width },
  ...{ inner: 0, attentionWidth: 0, feedForward: 0, layers: 0 },
})

export const recipes: Record<string, Recipe> = {
  /** The model that ships. */
  'story-mini': {
    vocabulary: { captions: 24_000, size: 3072, levels: [1, 3, 4, 5, 6, 5, 6, 5] },
    textEncoder: {
      config: textEncoder(192, 3, 3072),
      levels: [1, 3, 6, 5, 6, 5, 6, 4],
      ...{ batch: 32, rate: 1e-3, steps: 600 },
    },
    autoencoder: {
      config: autoencoder(48, 48, 16),
      training: { batch: 8, crop: 64, latentNoise: 0.3 },
      pool: { levels: [1, 4, 4, 3], size: 128, fresh: 2, capacity: 2048 },
      rate: 1.5e-3,
      steps: 12_000,
    },
    denoiser: {
      config: unet([64, 128, 192], 16, 192, 16),
      training: { batch: 8, shift: 2.5, characterWeight: 2.5, mapWeight: 0.05, textDrop: 0.1 },
      pool: { levels: [1], size: 128, fresh: 3, capacity: 32_768 },
      rate: 5e-4,
      steps: 60_000,
    },
    segmenter: {
      training: { channels: [32, 64, 128], groups: 8 },
      batch: 16,
      pool: { levels: [1, 3, 2], size: 128, fresh: 6, capacity: 8192 },
      latentNoise: 0.4,
      rate: 2e-3,
      steps: 3_000,
    },
    identity: {
      training: {
        encoder: imageEncoder(64, [32, 48, 64, 96, 128]),
        adapter: projection(8, 192),
      },
      batch: 32,
      pool: { levels: [1, 3, 2], size: 128, reference: 96, fresh: 8, capacity: 4096 },
      regions: 0.3,
      rate: 2e-3,
      steps: 6_000,
    },
    sets: {
      training: {
        ...setTraining,
        references: { slots: 16, references: 14, perSlot: 3, regions: 0.3, elsewhere: 0.3 },
      },
      pool: {
        ...{ levels: [5, 6, 5, 6, 3, 6, 5, 4], size: 128, reference: 96, outside: 1, absent: 0.3 },
        ...{ fresh: 2, capacity: 2048 },
      },
      rate: 6e-4,
      steps: 21_000,
    },
    sheet: { columns: 8, steps: 20, heldOut: { frames: 32, batches: 4 } },
    judges: {
      networks: {
        _class_name: 'Judges',
        locator: [12, 32, 64],
        portrait: [32, 64, 128, 192],
        width: 320,
        embedding: 48,
      },
      ...{ sets: 8, levels: [1, 3, 4, 2], size: 128, fresh: 2, capacity: 2048, measured: 120 },
      rate: 1.5e-3,
      steps: 9_000,
    },
  },
  /** Small enough for tests: every stage in seconds, no picture worth a look. */
  tiny: {
    vocabulary: { captions: 200, size: 600, levels: [1, 2, 3] },
    textEncoder: {
      config: textEncoder(32, 1, 600),
      levels: [1, 2, 3],
      ...{ batch: 8, rate: 5e-3, steps: 200 },
    },
    autoencoder: {
      config: autoencoder(48, 8, 4),
      training: { batch: 2, crop: 32, latentNoise: 0.3 },
      pool: { levels: [1], size: 128, fresh: 1, capacity: 16 },
      rate: 2e-3,
      steps: 200,
    },
    denoiser: {
      config: unet([32], 4, 32, 8),
      training: { batch: 2, shift: 2.5, characterWeight: 2.5, mapWeight: 0.05, textDrop: 0.1 },
      pool: { levels: [1], size: 64, fresh: 1, capacity: 64 },
      rate: 4e-3,
      steps: 200,
    },
    segmenter: {
      training: { channels: [8, 8, 16], groups: 4 },
      batch: 4,
      pool: { levels: [1, 3], size: 64, fresh: 2, capacity: 64 },
      latentNoise: 0.3,
      rate: 4e-3,
      steps: 200,
    },
    identity: {
      training: {
        encoder: imageEncoder(32, [8, 16, 16]),
        adapter: projection(4, 32),
      },
      batch: 8,
      pool: { levels: [1, 3], size: 64, reference: 48, fresh: 4, capacity: 64 },
      regions: 0.3,
      rate: 4e-3,
      steps: 200,
    },
    sets: {
      training: {
        ...setTraining,
        ...{ frames: 3, cleanFrame: 0.1, perceptualWarmup: 20 },
        references: { slots: 6, references: 6, perSlot: 2, regions: 0.3, elsewhere: 0.3 },
      },
      pool: {
        ...{ levels: [1, 3], size: 64, reference: 48, outside: 1, absent: 0.3 },
        ...{ fresh: 1, capacity: 32 },
      },
      rate: 4e-3,
      steps: 200,
    },
    sheet: { columns: 1, steps: 2, heldOut: { frames: 2, batches: 1 } },
    judges: {
      networks: { _class_name: 'Judges', locator: [8, 8, 16], portrait: [8, 16, 16, 16], width: 32, embedding: 8 },
      ...{ sets: 4, levels: [1], size: 128, fresh: 1, capacity: 32, measured: 6 },
      rate: 3e-3,
      steps: 200,
    },
  },
}
