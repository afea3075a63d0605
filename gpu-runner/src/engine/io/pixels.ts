/** Pictures as the models take them: float32, channels first. */
import { centreCrop, type Picture, resize } from './resize.ts'

/** A byte of a picture as autoencoders take it. */
const signed = (byte: number) => byte / 127.5 - 1

/** Pictures of one size, interleaved RGB bytes each, as one batch [N,3,height,width] in −1 … 1. */
export function rgbPlanes(pictures: readonly Uint8Array[], { width, height }: { width: number; height: number }) {
  const area = width * height
  const data = new Float32Array(pictures.length * 3 * area)
  for (const [n, rgb] of pictures.entries())
    for (let p = 0; p < area; p++) for (let c = 0; c < 3; c++) data[(3 * n + c) * area + p] = signed(rgb[3 * p + c]!)
  return { data, shape: [pictures.length, 3, height, width] }
}

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
  return channelsFirst(resize(picture, width, height, 'lanczos'), signed)
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
