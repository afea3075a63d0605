/** Sheets of pictures that show how training goes. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodePng } from '../../engine/io/png.ts'
import { writeWhole } from '../../engine/io/whole-file.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'

/** What a stage draws and measures now and then, and at its end. */
export interface SheetRecipe {
  /** Pictures in a row, and steps that they are sampled with. */
  columns: number
  steps: number
  /** Frames whose loss is measured, and batches of sets. */
  heldOut: { frames: number; batches: number }
}

/** Write batches of pictures [N,3,H,W] in −1 … 1 as the rows of one PNG. */
export async function writeSheet(path: string, batches: readonly HostTensor[]): Promise<void> {
  const [, , height, width] = batches[0]!.shape as [number, number, number, number]
  const columns = Math.max(...batches.map(({ shape }) => shape[0]!))
  const sheet = new Uint8Array(batches.length * height * columns * width * 3)
  for (const [row, { data, shape }] of batches.entries())
    for (let i = 0; i < shape[0]!; i++)
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++)
            sheet[((row * height + y) * columns * width + i * width + x) * 3 + c] = toByte(
              Number(data[((i * 3 + c) * height + y) * width + x]),
            )
  mkdirSync(dirname(path), { recursive: true })
  const picture = { rgb: sheet, width: columns * width, height: batches.length * height }
  await writeWhole(path, await encodePng(picture))
}

/** −1 … 1 to 0 … 255. */
function toByte(value: number): number {
  return Math.max(0, Math.min(255, Math.round((value + 1) * 127.5)))
}
