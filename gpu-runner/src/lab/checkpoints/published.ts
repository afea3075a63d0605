/** Configuration files of the checkpoints that people bring, as their authors publish them (diffusers layout). */

interface Part {
  readonly folder: string
  readonly config: Readonly<Record<string, unknown>>
}

export interface PublishedModel {
  readonly index: Readonly<Record<string, unknown>>
  readonly scheduler: Readonly<Record<string, unknown>>
  readonly unet: Part['config']
  readonly vae: Part['config']
  /** One, or two for SDXL; the second one projects. */
  readonly textEncoders: readonly Part[]
}

const scheduler = {
  _class_name: 'EulerDiscreteScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  steps_offset: 1,
  timestep_spacing: 'leading',
}

const vae = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
  in_channels: 3,
  out_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  act_fn: 'silu',
  scaling_factor: 0.18215,
}

const unet = {
  _class_name: 'UNet2DConditionModel',
  act_fn: 'silu',
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  cross_attention_dim: 768,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  in_channels: 4,
  out_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  sample_size: 64,
}

const clipL = {
  architectures: ['CLIPTextModel'],
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 77,
  hidden_act: 'quick_gelu',
  projection_dim: 768,
  eos_token_id: 2,
}

const index = (className: string, parts: Record<string, readonly [string, string]>) => ({
  _class_name: className,
  ...parts,
  tokenizer: ['transformers', 'CLIPTokenizer'],
  scheduler: ['diffusers', scheduler._class_name],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
})

const encoder = ['transformers', 'CLIPTextModel'] as const

export const publishedModels: Readonly<Record<'sd15' | 'sd2' | 'sdxl', PublishedModel>> = {
  sd15: {
    index: index('StableDiffusionPipeline', { text_encoder: encoder }),
    scheduler,
    unet,
    vae,
    textEncoders: [{ folder: 'text_encoder', config: clipL }],
  },
  sd2: {
    index: index('StableDiffusionPipeline', { text_encoder: encoder }),
    scheduler: { ...scheduler, prediction_type: 'v_prediction' },
    unet: {
      ...unet,
      attention_head_dim: [5, 10, 20, 20],
      cross_attention_dim: 1024,
      sample_size: 96,
      use_linear_projection: true,
    },
    vae,
    textEncoders: [
      {
        folder: 'text_encoder',
        config: {
          ...clipL,
          hidden_size: 1024,
          intermediate_size: 4096,
          num_hidden_layers: 23,
          num_attention_heads: 16,
          hidden_act: 'gelu',
          projection_dim: 512,
        },
      },
    ],
  },
  sdxl: {
    index: {
      ...index('StableDiffusionXLPipeline', {
        text_encoder: encoder,
        text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
      }),
      tokenizer_2: ['transformers', 'CLIPTokenizer'],
      force_zeros_for_empty_prompt: true,
    },
    scheduler,
    unet: {
      ...unet,
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 256,
      attention_head_dim: [5, 10, 20],
      block_out_channels: [320, 640, 1280],
      cross_attention_dim: 2048,
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      projection_class_embeddings_input_dim: 2816,
      sample_size: 128,
      transformer_layers_per_block: [1, 2, 10],
      use_linear_projection: true,
    },
    vae: { ...vae, scaling_factor: 0.13025 },
    textEncoders: [
      { folder: 'text_encoder', config: clipL },
      {
        folder: 'text_encoder_2',
        config: {
          ...clipL,
          architectures: ['CLIPTextModelWithProjection'],
          hidden_size: 1280,
          intermediate_size: 5120,
          num_hidden_layers: 32,
          num_attention_heads: 20,
          hidden_act: 'gelu',
          projection_dim: 1280,
        },
      },
    ],
  },
}
