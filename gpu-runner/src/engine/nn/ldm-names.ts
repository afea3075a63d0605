/**
 * Names of layers in the first implementation of latent diffusion (CompVis, Stability AI), in which checkpoints of one
 * file are written, and in diffusers and transformers, by which this engine knows them. A pair names two modules or
 * layers, diffusers' first; whatever lies below has the same name in both, unless a longer pair says otherwise.
 */
export type NamePair = readonly [diffusers: string, ldm: string]

/** What of a UNet decides on its names: blocks are counted through in the one layout, and by level in the other. */
export interface UNetStructure {
  /** Levels, finest first. */
  readonly levels: number
  readonly layersPerBlock: number
  /** Whether the up block `i`, coarsest first, has transformers. */
  readonly upAttention: (i: number) => boolean
}

const residual: readonly NamePair[] = [
  ['norm1', 'in_layers.0'],
  ['conv1', 'in_layers.2'],
  ['time_emb_proj', 'emb_layers.1'],
  ['norm2', 'out_layers.0'],
  ['conv2', 'out_layers.3'],
  ['conv_shortcut', 'skip_connection'],
]

/** Of a UNet; of a ControlNet, which has no way up, the first part. */
export function unetNames({ levels, layersPerBlock: layers, upAttention }: UNetStructure): NamePair[] {
  const pairs: NamePair[] = [
    ['conv_in', 'input_blocks.0.0'],
    ['time_embedding.linear_1', 'time_embed.0'],
    ['time_embedding.linear_2', 'time_embed.2'],
    ['time_embedding.cond_proj', 'time_embed.cond_proj'],
    ['add_embedding.linear_1', 'label_emb.0.0'],
    ['add_embedding.linear_2', 'label_emb.0.2'],
    ...resnet('mid_block.resnets.0', 'middle_block.0'),
    ['mid_block.attentions.0', 'middle_block.1'],
    ...resnet('mid_block.resnets.1', 'middle_block.2'),
    ['conv_norm_out', 'out.0'],
    ['conv_out', 'out.2'],
  ]
  for (let level = 0; level < levels; level++) {
    const first = level * (layers + 1)
    for (let j = 0; j < layers; j++) {
      pairs.push(...resnet(`down_blocks.${level}.resnets.${j}`, `input_blocks.${first + j + 1}.0`))
      pairs.push([`down_blocks.${level}.attentions.${j}`, `input_blocks.${first + j + 1}.1`])
    }
    pairs.push([`down_blocks.${level}.downsamplers.0.conv`, `input_blocks.${first + layers + 1}.0.op`])
    for (let j = 0; j <= layers; j++) {
      pairs.push(...resnet(`up_blocks.${level}.resnets.${j}`, `output_blocks.${first + j}.0`))
      pairs.push([`up_blocks.${level}.attentions.${j}`, `output_blocks.${first + j}.1`])
    }
    // It comes last in a block, behind the transformer where there is one.
    const place = upAttention(level) ? 2 : 1
    pairs.push([`up_blocks.${level}.upsamplers.0.conv`, `output_blocks.${first + layers}.${place}.conv`])
  }
  return pairs
}

const resnet = (diffusers: string, ldm: string): NamePair[] =>
  residual.map(([ours, theirs]) => [`${diffusers}.${ours}`, `${ldm}.${theirs}`])

/** From the names of layers that diffusers has; bounded, as names may come from anywhere. */
export function structureOf(layers: readonly string[]): UNetStructure {
  const levels = layers.map((layer) => 1 + Number(/^(?:down|up)_blocks\.(\d+)\./.exec(layer)?.[1] ?? -1))
  const attending = new Set(layers.map((layer) => /^up_blocks\.(\d+)\.attentions\.0\.proj_in$/.exec(layer)?.[1]))
  return {
    levels: Math.min(
      16,
      levels.reduce((a, b) => Math.max(a, b), 0),
    ),
    layersPerBlock: layers.filter((layer) => /^down_blocks\.0\.resnets\.\d+\.conv1$/.test(layer)).length,
    upAttention: (i) => attending.has(String(i)),
  }
}

/** Of an AutoencoderKL, whose up blocks the first implementation counts from the finest. */
export function autoencoderNames({ levels, layersPerBlock }: { levels: number; layersPerBlock: number }): NamePair[] {
  const pairs: NamePair[] = []
  for (const side of ['encoder', 'decoder']) {
    pairs.push([`${side}.mid_block.resnets.0`, `${side}.mid.block_1`], [`${side}.conv_norm_out`, `${side}.norm_out`])
    pairs.push([`${side}.mid_block.resnets.1`, `${side}.mid.block_2`])
    for (const [ours, theirs] of pixelAttention)
      pairs.push([`${side}.mid_block.attentions.0.${ours}`, `${side}.mid.attn_1.${theirs}`])
  }
  for (let level = 0; level < levels; level++) {
    const [up, down] = [`decoder.up.${levels - 1 - level}`, `encoder.down.${level}`]
    for (let j = 0; j < layersPerBlock; j++)
      pairs.push(...shortcut(`encoder.down_blocks.${level}.resnets.${j}`, `${down}.block.${j}`))
    for (let j = 0; j <= layersPerBlock; j++)
      pairs.push(...shortcut(`decoder.up_blocks.${level}.resnets.${j}`, `${up}.block.${j}`))
    pairs.push([`encoder.down_blocks.${level}.downsamplers.0.conv`, `${down}.downsample.conv`])
    pairs.push([`decoder.up_blocks.${level}.upsamplers.0.conv`, `${up}.upsample.conv`])
  }
  return pairs
}

const pixelAttention: readonly NamePair[] = [
  ['group_norm', 'norm'],
  ['to_q', 'q'],
  ['to_k', 'k'],
  ['to_v', 'v'],
  ['to_out.0', 'proj_out'],
]

const shortcut = (diffusers: string, ldm: string): NamePair[] => [
  [diffusers, ldm],
  [`${diffusers}.conv_shortcut`, `${ldm}.nin_shortcut`],
]

/** Of open_clip's text transformer; `attn.in_proj_weight` and `_bias`, which hold three layers, are not among them. */
export function openClipNames(layers: number): NamePair[] {
  const pairs: NamePair[] = [
    ['text_model.embeddings.token_embedding', 'token_embedding'],
    ['text_model.embeddings.position_embedding.weight', 'positional_embedding'],
    ['text_model.final_layer_norm', 'ln_final'],
    ['text_projection.weight', 'text_projection'],
  ]
  for (let i = 0; i < layers; i++)
    for (const [ours, theirs] of openClipLayer)
      pairs.push([`text_model.encoder.layers.${i}.${ours}`, `transformer.resblocks.${i}.${theirs}`])
  return pairs
}

const openClipLayer: readonly NamePair[] = [
  ['layer_norm1', 'ln_1'],
  ['layer_norm2', 'ln_2'],
  ['self_attn.out_proj', 'attn.out_proj'],
  ['mlp.fc1', 'mlp.c_fc'],
  ['mlp.fc2', 'mlp.c_proj'],
]

/** The same name in the other layout; as it is where no pair knows it. */
export type Rename = (name: string) => string

export const fromLdm = (pairs: readonly NamePair[]): Rename => renaming(new Map(pairs.map(([to, from]) => [from, to])))
export const toLdm = (pairs: readonly NamePair[]): Rename => renaming(new Map(pairs))

/** By the longest beginning of a name, up to a dot, that `names` knows. */
function renaming(names: ReadonlyMap<string, string>): Rename {
  return (name) => {
    for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
      const found = names.get(name.slice(0, end))
      if (found !== undefined) return found + name.slice(end)
    }
    return name
  }
}
