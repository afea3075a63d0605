/** The part of a diffusers UNet `config.json` that this engine understands, checked. */
import { z } from 'zod'
import { count, epsilon, levels, refuse } from './config-fields.ts'

const perLevel = z.union([count, levels(count)])

/** Depths of transformers, of all of a level or of each; pruned models differ within a level. */
const depths = levels(z.union([count, z.array(count).min(1).max(16)]))

/** A feature that would change the computation, and is not supported, must be absent or at its default. */
const only = <T extends z.core.util.Literal>(...values: T[]) => z.literal(values).nullish()

const UNetJson = z
  .object({
    _class_name: z.literal('UNet2DConditionModel').default('UNet2DConditionModel'),
    in_channels: count.default(4),
    out_channels: count.default(4),
    block_out_channels: levels(count).default([320, 640, 1280, 1280]),
    down_block_types: levels(z.enum(['CrossAttnDownBlock2D', 'DownBlock2D'])).default([
      'CrossAttnDownBlock2D',
      'CrossAttnDownBlock2D',
      'CrossAttnDownBlock2D',
      'DownBlock2D',
    ]),
    up_block_types: levels(z.enum(['CrossAttnUpBlock2D', 'UpBlock2D'])).default([
      'UpBlock2D',
      'CrossAttnUpBlock2D',
      'CrossAttnUpBlock2D',
      'CrossAttnUpBlock2D',
    ]),
    mid_block_type: z.enum(['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D']).default('UNetMidBlock2DCrossAttn'),
    layers_per_block: count.default(2),
    attention_head_dim: perLevel.default(8),
    num_attention_heads: perLevel.nullish(),
    transformer_layers_per_block: z.union([count, depths]).default(1),
    cross_attention_dim: count.default(1280),
    norm_num_groups: count.default(32),
    norm_eps: epsilon.default(1e-5),
    use_linear_projection: z.boolean().default(false),
    flip_sin_to_cos: z.boolean().default(true),
    freq_shift: z.number().default(0),
    sample_size: z.union([count, z.array(count).min(1).max(2)]).nullish(),
    addition_embed_type: z.literal('text_time').nullish(),
    addition_time_embed_dim: count.nullish(),
    projection_class_embeddings_input_dim: z.int().nullish(),
    act_fn: only('silu', 'swish'),
    center_input_sample: only(false),
    downsample_padding: only(1),
    mid_block_scale_factor: only(1),
    only_cross_attention: only(false),
    mid_block_only_cross_attention: only(false),
    dual_cross_attention: only(false),
    reverse_transformer_layers_per_block: depths.nullish(),
    class_embed_type: z.null().optional(),
    num_class_embeds: z.null().optional(),
    encoder_hid_dim: z.null().optional(),
    encoder_hid_dim_type: z.null().optional(),
    resnet_time_scale_shift: only('default'),
    resnet_skip_time_act: only(false),
    resnet_out_scale_factor: only(1),
    time_embedding_type: only('positional'),
    time_embedding_dim: z.null().optional(),
    time_embedding_act_fn: z.null().optional(),
    timestep_post_act: z.null().optional(),
    time_cond_proj_dim: z.null().optional(),
    conv_in_kernel: only(3),
    conv_out_kernel: only(3),
    attention_type: only('default'),
    cross_attention_norm: z.null().optional(),
    // Ours, not diffusers': how a model was trained to read captions of several characters.
    prompt_layout: z.enum(['columns', 'free']).default('free'),
  })
  .check((context) => {
    const c = context.value
    const amount = c.block_out_channels.length
    const lists = ['down_block_types', 'up_block_types', 'attention_head_dim', 'num_attention_heads'] as const
    for (const key of [...lists, 'transformer_layers_per_block', 'reverse_transformer_layers_per_block'] as const)
      if (Array.isArray(c[key]) && c[key].length !== amount)
        refuse(context, key, `${c[key].length} values for ${amount} levels of block_out_channels`)
    if (context.issues.length > 0) return
    checkDepths(c, (path, message) => refuse(context, path, message))
    const heads = spread(c.num_attention_heads ?? c.attention_head_dim, amount)
    for (const [level, channels] of c.block_out_channels.entries()) {
      const attends =
        c.down_block_types[level]!.startsWith('CrossAttn') ||
        c.up_block_types[amount - 1 - level]!.startsWith('CrossAttn') ||
        (level === amount - 1 && c.mid_block_type.endsWith('CrossAttn'))
      if (channels % c.norm_num_groups)
        refuse(context, 'norm_num_groups', `${channels} channels in ${c.norm_num_groups} groups`)
      if (attends && channels % heads[level]!)
        refuse(context, 'attention_head_dim', `${channels} channels for ${heads[level]} heads`)
    }
    if (c.block_out_channels[0]! % 2) refuse(context, 'block_out_channels', 'the first must be even')
    if (c.addition_embed_type && !c.addition_time_embed_dim)
      refuse(context, 'addition_time_embed_dim', 'is needed with addition_embed_type')
    if ((c.addition_time_embed_dim ?? 0) % 2) refuse(context, 'addition_time_embed_dim', 'must be even')
  })

type Depths = readonly (readonly number[])[]

export interface UNetConfig {
  inChannels: number
  outChannels: number
  /** Channels of each level, finest first; so are heads. */
  channels: readonly number[]
  heads: readonly number[]
  /** Blocks of each transformer: by level and place, the levels of `up` coarsest first. */
  depths: { readonly down: Depths; readonly middle: number; readonly up: Depths }
  downAttention: readonly boolean[]
  /** Coarsest first, as the up blocks are numbered. */
  upAttention: readonly boolean[]
  midAttention: boolean
  layersPerBlock: number
  contextWidth: number
  groups: number
  epsilon: number
  linearProjection: boolean
  flipSinToCos: boolean
  freqShift: number
  additionTimeEmbedDim: number | null
  /** Latent height and width the model was made for. */
  sampleSize: number
  /** 'columns' for a model that was trained by regional prompting, `engine/diffusion/regional-prompts.ts`. */
  promptLayout: 'columns' | 'free'
}

export function parseUNetConfig(json: unknown): UNetConfig {
  const c = UNetJson.parse(json)
  const amount = c.block_out_channels.length
  return {
    inChannels: c.in_channels,
    outChannels: c.out_channels,
    channels: c.block_out_channels,
    // `attention_head_dim` is the number of heads, a misnomer that diffusers keeps for its published checkpoints.
    heads: spread(c.num_attention_heads ?? c.attention_head_dim, amount),
    depths: depthsOf(c),
    downAttention: c.down_block_types.map((type) => type === 'CrossAttnDownBlock2D'),
    upAttention: c.up_block_types.map((type) => type === 'CrossAttnUpBlock2D'),
    midAttention: c.mid_block_type === 'UNetMidBlock2DCrossAttn',
    layersPerBlock: c.layers_per_block,
    contextWidth: c.cross_attention_dim,
    groups: c.norm_num_groups,
    epsilon: c.norm_eps,
    linearProjection: c.use_linear_projection,
    flipSinToCos: c.flip_sin_to_cos,
    freqShift: c.freq_shift,
    promptLayout: c.prompt_layout,
    additionTimeEmbedDim: c.addition_embed_type ? (c.addition_time_embed_dim ?? null) : null,
    sampleSize: Array.isArray(c.sample_size) ? c.sample_size[0]! : (c.sample_size ?? 64),
  }
}

type DepthFields = Pick<
  z.output<typeof UNetJson>,
  | 'block_out_channels'
  | 'layers_per_block'
  | 'transformer_layers_per_block'
  | 'reverse_transformer_layers_per_block'
  | 'mid_block_type'
>

function depthsOf(c: DepthFields): UNetConfig['depths'] {
  const { transformer_layers_per_block: given, layers_per_block: layers } = c
  const down = Array.isArray(given) ? given : c.block_out_channels.map(() => given)
  const up = c.reverse_transformer_layers_per_block ?? down.toReversed()
  const last = down.at(-1)!
  return {
    down: down.map((depth) => spread(depth, layers)),
    middle: Array.isArray(last) ? last[0]! : last,
    up: up.map((depth) => spread(depth, layers + 1)),
  }
}

/** A list for a level needs one depth for each of its transformers, and then the way up needs its own. */
function checkDepths(c: DepthFields, refused: (path: string, message: string) => void): void {
  const { transformer_layers_per_block: down, reverse_transformer_layers_per_block: up, layers_per_block: layers } = c
  const check = (path: string, given: typeof down | null | undefined, wanted: number) => {
    for (const depth of Array.isArray(given) ? given : [])
      if (Array.isArray(depth) && depth.length !== wanted)
        refused(path, `${depth.length} depths for ${wanted} transformers of a level`)
  }
  check('transformer_layers_per_block', down, layers)
  check('reverse_transformer_layers_per_block', up, layers + 1)
  if (!up && Array.isArray(down) && down.some(Array.isArray))
    refused('reverse_transformer_layers_per_block', 'is needed where depths differ within a level')
}

function spread(value: number | number[], amount: number): number[] {
  return Array.isArray(value) ? value : Array<number>(amount).fill(value)
}
