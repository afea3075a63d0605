/**
 * Configurations in the words of diffusers and transformers, from the shapes of tensors under the names of the first
 * implementation: such files bring none. What no shape tells is as all published models of a family have it.
 */
import { WeightError } from '../nn/weights.ts'

/** Tensors by name, without the prefix of their part. */
export type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>

/** Stable Diffusion 1.x, 2.x, and SDXL with its relatives. */
export type Family = 'sd1' | 'sd2' | 'sdxl'

type Json = Readonly<Record<string, unknown>>

/** Blocks and channels are far fewer in any model: a bound for files that were made to break readers. */
const mostBlocks = 64

const size = (tensors: Shapes, name: string, axis: number): number => {
  const found = tensors.get(name)?.shape[axis]
  if (found === undefined) throw new WeightError(name, 'is missing, or has another shape than in any model')
  return found
}

/** How many of `name(0)`, `name(1)` … there are. */
function counted(tensors: Shapes, name: (i: number) => string): number {
  let i = 0
  while (i < mostBlocks && tensors.has(name(i))) i++
  return i
}

interface Level {
  channels: number
  /** Of each transformer; 0 where there is none. */
  depths: number[]
}

const depthOf = (tensors: Shapes, block: string) =>
  counted(tensors, (k) => `${block}.1.transformer_blocks.${k}.norm1.weight`)

/** Of a UNet, or of the way down of one, as a ControlNet is; `pooled` is the width of SDXL's pooled text. */
export function unetConfigOf(tensors: Shapes, family: Family, pooled = 0): Json {
  const levels = waysDown(tensors)
  const layers = levels[0]!.depths.length
  if (levels.some(({ depths }) => depths.length !== layers))
    throw new WeightError(
      'input_blocks',
      'its levels have different numbers of residual layers; no such model is known',
    )
  const up = levels.map((_, i) =>
    Array.from({ length: layers + 1 }, (_, j) => depthOf(tensors, `output_blocks.${i * (layers + 1) + j}`)),
  )
  const attends = (depths: readonly number[]) => depths.some((depth) => depth > 0)
  const channels = levels.map((level) => level.channels)
  const width = [...tensors].find(([name]) => name.endsWith('.attn2.to_k.weight'))?.[1].shape[1]
  const linear = [...tensors].some(([name, { shape }]) => name.endsWith('.1.proj_in.weight') && shape.length === 2)
  const label = tensors.get('label_emb.0.0.weight')?.shape[1]
  const guidance = tensors.get('time_embed.cond_proj.weight')?.shape[1]
  return {
    _class_name: 'UNet2DConditionModel',
    sample_size: family === 'sdxl' ? 128 : 64,
    in_channels: size(tensors, 'input_blocks.0.0.weight', 1),
    out_channels: tensors.get('out.2.weight')?.shape[0] ?? 4,
    block_out_channels: channels,
    down_block_types: levels.map(({ depths }) => (attends(depths) ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    up_block_types: up.map((depths) => (attends(depths) ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    mid_block_type: tensors.has('middle_block.1.norm.weight') ? 'UNetMidBlock2DCrossAttn' : 'UNetMidBlock2D',
    layers_per_block: layers,
    // SD 1 has 8 heads everywhere, all later ones heads of 64 channels.
    attention_head_dim: family === 'sd1' ? 8 : channels.map((count) => Math.max(1, Math.floor(count / 64))),
    ...depthsOf(levels, up),
    ...(width !== undefined && { cross_attention_dim: width }),
    use_linear_projection: linear,
    ...(guidance !== undefined && { time_cond_proj_dim: guidance }),
    ...(label !== undefined && {
      addition_embed_type: 'text_time',
      addition_time_embed_dim: Math.floor((label - pooled) / 6),
      projection_class_embeddings_input_dim: label,
    }),
  }
}

function waysDown(tensors: Shapes): Level[] {
  const levels: Level[] = [{ channels: size(tensors, 'input_blocks.0.0.weight', 0), depths: [] }]
  for (let i = 1; i < mostBlocks; i++) {
    const block = `input_blocks.${i}`
    if (tensors.has(`${block}.0.op.weight`)) levels.push({ channels: 0, depths: [] })
    else if (tensors.has(`${block}.0.in_layers.0.weight`)) {
      const level = levels.at(-1)!
      level.channels = size(tensors, `${block}.0.out_layers.3.weight`, 0)
      level.depths.push(depthOf(tensors, block))
    } else break
  }
  if (levels.some(({ depths }) => depths.length === 0))
    throw new WeightError('input_blocks', 'a level has no residual layer; the file is not whole')
  return levels
}

/** One depth for a level where its transformers agree, and a way up of its own where it is not the way down reversed. */
function depthsOf(levels: readonly Level[], up: readonly (readonly number[])[]): Json {
  const one = (depths: readonly number[]) => {
    const all = depths.map((depth) => Math.max(1, depth))
    return all.every((depth) => depth === all[0]) ? all[0]! : all
  }
  const [down, back] = [levels.map(({ depths }) => one(depths)), up.map(one)]
  const mirrored = String(down.toReversed()) === String(back) && down.every((depth) => typeof depth === 'number')
  return {
    transformer_layers_per_block: down,
    ...(!mirrored && { reverse_transformer_layers_per_block: back }),
  }
}

const scalingFactor: Readonly<Record<Family, number>> = { sd1: 0.18215, sd2: 0.18215, sdxl: 0.13025 }

export function autoencoderConfigOf(tensors: Shapes, family: Family): Json {
  const levels = counted(tensors, (i) => `encoder.down.${i}.block.0.conv1.weight`)
  return {
    _class_name: 'AutoencoderKL',
    in_channels: size(tensors, 'encoder.conv_in.weight', 1),
    out_channels: size(tensors, 'decoder.conv_out.weight', 0),
    block_out_channels: Array.from({ length: levels }, (_, i) =>
      size(tensors, `encoder.down.${i}.block.0.conv1.weight`, 0),
    ),
    layers_per_block: counted(tensors, (j) => `encoder.down.0.block.${j}.conv1.weight`),
    latent_channels: size(tensors, 'decoder.conv_in.weight', 1),
    scaling_factor: scalingFactor[family],
    mid_block_add_attention: tensors.has('encoder.mid.attn_1.q.weight'),
    use_quant_conv: tensors.has('quant_conv.weight'),
    use_post_quant_conv: tensors.has('post_quant_conv.weight'),
  }
}

/** Of CLIP's text model under the names of transformers. Heads have 64 channels in every published one. */
export function clipConfigOf(tensors: Shapes, activation: 'quick_gelu' | 'gelu'): Json {
  const embeddings = 'text_model.embeddings.token_embedding.weight'
  const layer = (i: number) => `text_model.encoder.layers.${i}`
  const layers = counted(tensors, (i) => `${layer(i)}.mlp.fc1.weight`)
  const width = size(tensors, embeddings, 1)
  const projection = tensors.get('text_projection.weight')?.shape[0]
  return {
    model_type: 'clip_text_model',
    vocab_size: size(tensors, embeddings, 0),
    hidden_size: width,
    intermediate_size: size(tensors, `${layer(0)}.mlp.fc1.weight`, 0),
    // SD 2 takes the state before the last layer of its encoder, which has 24.
    num_hidden_layers: activation === 'gelu' && layers === 24 ? 23 : layers,
    num_attention_heads: Math.max(1, Math.floor(width / 64)),
    max_position_embeddings: size(tensors, 'text_model.embeddings.position_embedding.weight', 0),
    hidden_act: activation,
    ...(projection !== undefined && { projection_dim: projection }),
  }
}
