/** Pictures as the models take them: float32, channels first. */
import { centreCrop, type Picture, resize } from './resize.ts'

export interface ClipPixelsOptions {
  /** Length of the shorter edge after resizing. */
  readonly shortestEdge: number
  readonly crop: { readonly width: number; readonly height: number }
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** For CLIP's vision encoders, [3,H,W] of the crop: bicubic, the middle, normalised. */
export function clipPixels(picture: Picture, { shortestEdge, crop, mean, std }: ClipPixelsOptions): Float32Array {
  const short = Math.min(picture.width, picture.height)
  const long = (edge: number) => Math.trunc((edge * shortestEdge) / short)
  const resized = resize(picture, long(picture.width), long(picture.height), 'bicubic')
  const cut = centreCrop(resized, crop.width, crop.height)
  return channelsFirst(cut, (value, c) => (value / 255 - mean[c]!) / std[c]!)
}

/** For the autoencoder, [3,height,width] in −1 … 1. */
export function vaePixels(picture: Picture, width: number, height: number): Float32Array {
  return channelsFirst(resize(picture, width, height, 'lanczos'), (value) => (2 * value) / 255 - 1)
}

/** A grey picture as a mask for an IP-Adapter, [1,height,width] of 0 and 1. */
export function maskPixels(picture: Picture, width: number, height: number): Float32Array {
  if (picture.channels !== 1) throw new RangeError(`maskPixels: ${picture.channels} channels, a mask has one`)
  return channelsFirst(resize(picture, width, height, 'lanczos'), (value) => Number(value / 255 >= 0.5))
}

function channelsFirst({ data, width, height, channels }: Picture, of: (value: number, c: number) => number) {
  const area = width * height
  const out = new Float32Array(area * channels)
  for (let i = 0; i < area; i++) for (let c = 0; c < channels; c++) out[c * area + i] = of(data[i * channels + c]!, c)
  return out
}
