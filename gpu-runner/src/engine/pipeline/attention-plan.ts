/** Which self-attention layers of a UNet are shared among frames, and which cross-attention layers are read as maps. */
import type { UNetConfig } from '../models/unet-config.ts'

export interface Grid {
  readonly width: number
  readonly height: number
}

export interface AttentionPlan {
  /** Levels, finest first, whose self-attention on the way up is shared. */
  readonly shared: readonly number[]
  /** The level whose cross-attention is recorded, all layers of it. */
  readonly maps: number
}

/**
 * Sides of the feature maps at the size a model was trained at. Below 8 a mask is too coarse; above 64 the shared keys cost
 * too much. Maps are read at 32, where SDXL's separate objects best, or at the next side below.
 */
const sharedSides = { least: 8, most: 64 }
const mapSide = 32

/** Null for a UNet without cross-attention. SD 1: shared 64, 32, 16, maps 32. SDXL: shared 64, 32, maps 32. */
export function planAttention(config: UNetConfig): AttentionPlan | null {
  const last = config.channels.length - 1
  const levels = config.channels.map((_, level) => level)
  const side = (level: number) => levelGrid({ width: config.sampleSize, height: config.sampleSize }, level).width
  const up = levels.filter((level) => config.upAttention[last - level])
  const attending = levels.filter(
    (level) => up.includes(level) || config.downAttention[level] || (level === last && config.midAttention),
  )
  const maps = attending.find((level) => side(level) <= mapSide) ?? attending.at(-1)
  if (maps === undefined) return null
  const shared = up.filter((level) => side(level) >= sharedSides.least && side(level) <= sharedSides.most)
  return { shared, maps }
}

/** The level of a layer by its name in the checkpoint, such as `up_blocks.1.attentions.0.transformer_blocks.0.attn2`. */
export function levelOf(layer: string, config: UNetConfig): { level: number; way: 'down' | 'middle' | 'up' } {
  const last = config.channels.length - 1
  const [, way, block] = /^(down|up)_blocks\.(\d+)\./.exec(layer) ?? []
  if (way === 'down') return { level: Number(block), way }
  if (way === 'up') return { level: last - Number(block), way }
  return { level: last, way: 'middle' }
}

/** The grid of a level: each halves the sides of the one above, rounding up. */
export function levelGrid({ width, height }: Grid, level: number): Grid {
  const halved = (side: number) => Array.from({ length: level }).reduce<number>((rest) => Math.ceil(rest / 2), side)
  return { width: halved(width), height: halved(height) }
}
