/** Pictures as plain pixels, to PNG and from the formats that people send. */

import sharp from 'sharp'

/** `rgb` is height × width × 3 bytes, row by row. */
export interface Picture {
  readonly rgb: Uint8Array
  readonly width: number
  readonly height: number
}

export class PictureError extends Error {
  override name = 'PictureError'
}

/** Formats that are only pixels: SVG and PDF would run a renderer on what strangers send. */
const formats = ['png', 'jpeg', 'webp', 'gif']

export async function encodePng(picture: Picture): Promise<Buffer> {
  return raw(picture).png().toBuffer()
}

/** As a PNG that is quick to write and to read, for what another library is to take. */
export async function encodePlainPng(picture: Picture): Promise<Buffer> {
  return raw(picture).png({ compressionLevel: 0 }).toBuffer()
}

/**
 * Read a PNG, JPEG, WebP or GIF as it is meant to be seen: turned upright, in sRGB, on white where it is transparent.
 * The size is checked from the header, before any pixel is unpacked.
 */
export async function readImage(bytes: Uint8Array, maxPixels = 4096 * 4096): Promise<Picture> {
  try {
    const { format, width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    if (!formats.includes(format)) throw new PictureError(`${format} pictures are not read, only ${formats.join(', ')}`)
    if (width * height > maxPixels) {
      throw new PictureError(`${width} × ${height} pixels are more than the ${maxPixels} that are read`)
    }
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new PictureError(`${info.channels} channels instead of 3`)
    return { rgb: new Uint8Array(data), width: info.width, height: info.height }
  } catch (error) {
    if (error instanceof PictureError) throw error
    throw new PictureError(`no readable picture in ${bytes.length} bytes: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The picture at `width` × `height`, resampled by Lanczos' kernel. */
export async function resized(picture: Picture, width: number, height: number): Promise<Picture> {
  if (picture.width === width && picture.height === height) return picture
  const rgb = await raw(picture).resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).raw().toBuffer()
  return { rgb: new Uint8Array(rgb), width, height }
}

function raw({ rgb, width, height }: Picture): sharp.Sharp {
  const isSize = [width, height].every((side) => Number.isInteger(side) && side > 0)
  if (!isSize || rgb.length !== width * height * 3) {
    throw new PictureError(`${rgb.length} bytes are no picture of ${width} × ${height} × 3`)
  }
  return sharp(rgb, { raw: { width, height, channels: 3 } })
}
