/** A contact sheet of the first frames, set after set; below the last row, its masks by part. */
import sharp from 'sharp'
import { randomFrames } from './frames.ts'
import { levelOf, type StoryDbOptions } from './options.ts'
import { renderFrame } from './render.ts'
import type { RenderedFrame } from './types.ts'

const COLUMNS = 8
const ROWS = 5
/** Pixels; larger pictures are shown smaller. */
const MOST_TILE = 128
const GAP = 4
const PARTS = { rest: [255, 255, 255], face: [255, 196, 61], upper: [232, 72, 85], lower: [63, 136, 197] } as const

/**
 * As PNG of at most 256 colours, which keeps it below 400 kB. The frames are drawn again: that takes less time than
 * finding them in shards.
 */
export async function drawSheet(options: StoryDbOptions): Promise<Uint8Array> {
  const { sets, frames, size } = options
  const count = Math.min(sets * frames, COLUMNS * ROWS)
  const columns = Math.min(count, COLUMNS)
  const rows = Math.ceil(count / columns)
  const tile = Math.min(size, MOST_TILE)
  const step = tile + GAP
  const tileOf = async (rgb: Uint8Array, column: number, row: number) => {
    const image = sharp(rgb, { raw: { width: size, height: size, channels: 3 } }).resize(tile, tile)
    return { input: await image.png().toBuffer(), left: GAP + column * step, top: GAP + row * step }
  }
  const tiles = []
  for (let i = 0; i < count; i++) {
    const [column, row] = [i % columns, Math.floor(i / columns)]
    const rendered = drawAgain(options, Math.floor(i / frames), i % frames)
    tiles.push(await tileOf(rendered.rgb, column, row))
    if (row === rows - 1) tiles.push(await tileOf(paintMasks(rendered), column, rows))
  }
  const [width, height] = [GAP + columns * step, GAP + (rows + 1) * step]
  const sheet = { width, height, channels: 3 as const, background: '#ffffff' }
  return sharp({ create: sheet }).composite(tiles).png({ palette: true, dither: 0 }).toBuffer()
}

function drawAgain({ seed, level, split, size }: StoryDbOptions, set: number, frame: number): RenderedFrame {
  return renderFrame(randomFrames(seed, set, frame + 1, { level: levelOf(level, set), split })[frame]!, size)
}

/** Each part of each character in its colour, and white what belongs to the character only as a whole, on black. */
function paintMasks({ rgb, characters }: RenderedFrame): Uint8Array {
  const painted = new Float64Array(rgb.length)
  for (const { mask, face, upper, lower } of characters) {
    for (let i = 0; i < mask.length; i++) {
      const shares = {
        rest: mask[i]! - face[i]! - upper[i]! - lower[i]!,
        face: face[i]!,
        upper: upper[i]!,
        lower: lower[i]!,
      }
      for (const part of ['rest', 'face', 'upper', 'lower'] as const) {
        for (let c = 0; c < 3; c++) painted[3 * i + c]! += (shares[part] * PARTS[part][c]!) / 255
      }
    }
  }
  return Uint8Array.from(painted, (value) => Math.min(255, Math.round(value)))
}
