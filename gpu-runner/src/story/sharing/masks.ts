/** Where the characters are, read from cross-attention: maps to binary masks at every grid that shares attention. */
import type { Grid } from '../../engine/pipeline/attention-plan.ts'

/** Attention of the pixels of one image to one character's words, row by row. */
export type AttentionMap = Float32Array

/** Where each of the cast is in one image: a binary mask by place in the cast, null for characters that are absent. */
export type CharacterMasks = readonly (Uint8Array | null)[]

/** Shares of the picture below and above which a mask is not believed. */
const plausible = { least: 0.01, most: 0.7 }
/** How much of the variance a threshold must explain. */
const separable = 0.3
/** What a mask falls back to: this share of pixels, those with the most attention. */
const fallback = 0.2

/**
 * Masks of one image on the grid `to` from maps on the grid `from`: resized, stretched to 0 … 1, cut by Otsu's
 * threshold; a pixel that several characters claim goes to the one with the most attention. A mask that covers hardly
 * anything or nearly everything, or whose map has no two clear levels, gives way to the pixels attended to most.
 */
export function characterMasks(maps: readonly (AttentionMap | null)[], from: Grid, to: Grid): CharacterMasks {
  const stretched = maps.map((map) => map && stretch(resize(map, from, to)))
  return stretched.map((map, character) => {
    if (!map) return null
    const mine = threshold(map)
    for (const [other, rival] of stretched.entries())
      if (rival && other !== character)
        for (let p = 0; p < mine.length; p++)
          if (rival[p]! > map[p]! || (rival[p] === map[p] && other < character)) mine[p] = 0
    return mine
  })
}

/**
 * All characters of an image in one mask, by Otsu's threshold alone: without guards, and without rivalry between
 * characters, as ConsiStory takes it.
 */
export function subjectMask(maps: readonly (AttentionMap | null)[], from: Grid, to: Grid): Uint8Array {
  const all = new Uint8Array(to.width * to.height)
  for (const map of maps) {
    if (!map) continue
    const stretched = stretch(resize(map, from, to))
    const { level } = otsu(stretched)
    for (let p = 0; p < all.length; p++) if (stretched[p]! > level) all[p] = 1
  }
  return all
}

/** A mask on a grid that is no finer: set where it covers half of a pixel or more. */
export function coarser(mask: Uint8Array, from: Grid, to: Grid): Uint8Array {
  return Uint8Array.from(resize(Float32Array.from(mask), from, to), (share) => Number(share >= 0.5))
}

function threshold(map: Float32Array): Uint8Array {
  const { level, explained } = otsu(map)
  const mask = Uint8Array.from(map, (value) => Number(value > level))
  const area = mask.reduce((sum, bit) => sum + bit, 0) / mask.length
  if (explained >= separable && area >= plausible.least && area <= plausible.most) return mask
  const cut = Float32Array.from(map)
    .sort()
    .at(-Math.ceil(fallback * map.length))!
  return Uint8Array.from(map, (value) => Number(value >= cut))
}

/**
 * N. Otsu, "A threshold selection method from gray-level histograms" (1979), over values in 0 … 1 in 256 bins, and the
 * share of the variance that lies between the two classes.
 */
export function otsu(values: Float32Array): { level: number; explained: number } {
  const bins = new Float64Array(256)
  for (const value of values) bins[Math.min(255, Math.floor(value * 256))]!++
  const total = values.length
  const mean = bins.reduce((sum, count, i) => sum + count * i, 0) / total
  const variance = bins.reduce((sum, count, i) => sum + count * (i - mean) ** 2, 0) / total
  let [best, at, below, sumBelow] = [0, 0, 0, 0]
  for (let i = 0; i < 255; i++) {
    below += bins[i]!
    sumBelow += bins[i]! * i
    if (below === 0 || below === total) continue
    const distance = sumBelow / below - (mean * total - sumBelow) / (total - below)
    const between = (below / total) * (1 - below / total) * distance ** 2
    if (between > best) [best, at] = [between, i]
  }
  return { level: (at + 1) / 256, explained: variance === 0 ? 0 : best / variance }
}

/** From the least to the largest value as 0 … 1. */
export function stretch(map: Float32Array): Float32Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of map) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return map.map((value) => (value - low) / (high - low + 1e-8))
}

/** Area mean where the grid gets coarser, bilinear where it gets finer. */
export function resize(map: Float32Array, from: Grid, to: Grid): Float32Array {
  return to.width > from.width || to.height > from.height ? enlarge(map, from, to) : shrink(map, from, to)
}

/** The mean of as many whole pixels as fit into one of the coarser grid. */
function shrink(map: Float32Array, from: Grid, to: Grid): Float32Array {
  const out = new Float32Array(to.width * to.height)
  const rows = Math.max(1, Math.floor(from.height / to.height))
  const columns = Math.max(1, Math.floor(from.width / to.width))
  for (let y = 0; y < to.height; y++)
    for (let x = 0; x < to.width; x++) {
      const top = Math.floor((y * from.height) / to.height)
      const left = Math.floor((x * from.width) / to.width)
      let sum = 0
      for (let dy = 0; dy < rows; dy++)
        for (let dx = 0; dx < columns; dx++) sum += map[(top + dy) * from.width + left + dx]!
      out[y * to.width + x] = sum / (rows * columns)
    }
  return out
}

function enlarge(map: Float32Array, from: Grid, to: Grid): Float32Array {
  const rows = between(from.height, to.height)
  const columns = between(from.width, to.width)
  const out = new Float32Array(to.width * to.height)
  for (const [y, row] of rows.entries())
    for (const [x, column] of columns.entries()) {
      const along = (at: number) =>
        (1 - column.share) * map[at * from.width + column.low]! + column.share * map[at * from.width + column.high]!
      out[y * to.width + x] = (1 - row.share) * along(row.low) + row.share * along(row.high)
    }
  return out
}

/** For each of `to` pixel centres the two of `from` on either side, and the share of the second. */
function between(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(0, Math.min(from - 1, ((i + 0.5) * from) / to - 0.5))
    const low = Math.floor(at)
    return { low, high: Math.min(from - 1, low + 1), share: at - low }
  })
}
