/** Contact sheets: many pictures with captions in one, to be looked through. */

import { createCanvas, ImageData, type SKRSContext2D } from '@napi-rs/canvas'
import { type Picture, PictureError } from '../../engine/io/png.ts'
import { pageFonts, wrap } from './fonts.ts'

export interface SheetCell extends Picture {
  readonly caption?: string
}

const gap = 8
const line = 15
const captionLines = 3

/** The cells row by row, each as large as the largest picture, as PNG. */
export async function contactSheet(cells: readonly SheetCell[], columns: number): Promise<Buffer> {
  if (cells.length === 0 || !Number.isInteger(columns) || columns < 1) {
    throw new RangeError(`contactSheet: ${cells.length} cells in ${columns} columns`)
  }
  const width = Math.max(...cells.map((cell) => cell.width))
  const height = Math.max(...cells.map((cell) => cell.height))
  const captionHeight = cells.some(({ caption }) => caption) ? captionLines * line + 4 : 0
  const across = Math.min(columns, cells.length)
  const down = Math.ceil(cells.length / columns)
  const canvas = createCanvas(gap + across * (width + gap), gap + down * (height + captionHeight + gap))
  const context = canvas.getContext('2d')
  context.fillStyle = '#ffffff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.font = pageFonts(cells.map(({ caption = '' }) => caption)).text(11)
  for (const [i, cell] of cells.entries()) {
    const x = gap + (i % columns) * (width + gap)
    const y = gap + Math.floor(i / columns) * (height + captionHeight + gap)
    drawPicture(context, cell, x, y)
    context.fillStyle = '#333333'
    for (const [k, text] of wrap(context, cell.caption ?? '', width, captionLines).entries()) {
      context.fillText(text, x, y + height + (k + 1) * line)
    }
  }
  return canvas.encode('png')
}

/** Put the picture's pixels at x, y; clips and transforms of the context apply. */
export function drawPicture(context: SKRSContext2D, { rgb, width, height }: Picture, x: number, y: number): void {
  if (rgb.length !== width * height * 3) {
    throw new PictureError(`${rgb.length} bytes are no picture of ${width} × ${height} × 3`)
  }
  const rgba = new Uint8ClampedArray(width * height * 4)
  for (let i = 0; i < width * height; i++) {
    rgba[i * 4] = rgb[i * 3]!
    rgba[i * 4 + 1] = rgb[i * 3 + 1]!
    rgba[i * 4 + 2] = rgb[i * 3 + 2]!
    rgba[i * 4 + 3] = 255
  }
  const canvas = createCanvas(width, height)
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0)
  context.drawImage(canvas, x, y)
}
