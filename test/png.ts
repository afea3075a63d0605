import sharp from 'sharp'

/** A plain PNG of one colour. */
export const plainPng = (red: number, width = 64, height = 64): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: red, g: 0, b: 0 } } })
    .png()
    .toBuffer()
