/** Resizing of 8-bit pictures exactly as Pillow does it: antialiased, in fixed point, rounded after each direction. */

/** Rows of pixels, `channels` values each. */
export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
}

export type Filter = 'bicubic' | 'lanczos'

const filters: Record<Filter, { support: number; weight: (x: number) => number }> = {
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/** Bits after the point of a weight: 32, less 8 for the values and 2 for sums that overshoot. */
const precision = 22

export function resize(picture: Picture, width: number, height: number, filter: Filter): Picture {
  if (!(width > 0 && height > 0)) throw new RangeError(`resize: to ${width}×${height}`)
  const wide = width === picture.width ? picture : resizeRows(picture, width, filter)
  return height === picture.height ? wide : turned(resizeRows(turned(wide), height, filter))
}

/** The middle `width`×`height` pixels, the odd one left over at the right and bottom. */
export function centreCrop(picture: Picture, width: number, height: number): Picture {
  const { channels } = picture
  const [left, top] = [Math.floor((picture.width - width) / 2), Math.floor((picture.height - height) / 2)]
  if (left < 0 || top < 0) throw new RangeError(`centreCrop: ${width}×${height} of ${picture.width}×${picture.height}`)
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * channels
    data.set(picture.data.subarray(from, from + width * channels), y * width * channels)
  }
  return { data, width, height, channels }
}

function resizeRows({ data, width, height, channels }: Picture, size: number, filter: Filter): Picture {
  const spans = spansOf(width, size, filter)
  const out = new Uint8Array(size * height * channels)
  for (let y = 0; y < height; y++) {
    for (const [x, { start, weights }] of spans.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (precision - 1)
        for (const [k, weight] of weights.entries()) sum += weight * data[(y * width + start + k) * channels + c]!
        out[(y * size + x) * channels + c] = Math.max(0, Math.min(255, Math.floor(sum / 2 ** precision)))
      }
    }
  }
  return { data: out, width: size, height, channels }
}

/** For each of `size` places, the first of `from` it is made of, and their weights in fixed point. */
function spansOf(from: number, size: number, filter: Filter) {
  const { support, weight } = filters[filter]
  const scale = from / size
  const stretch = Math.max(1, scale)
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support * stretch + 0.5))
    const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5))
    const values = Array.from({ length: end - start }, (_, k) => weight((start + k - centre + 0.5) / stretch))
    const total = values.reduce((a, b) => a + b, 0)
    return {
      start,
      weights: values.map((value) => {
        const fixed = (value / total) * 2 ** precision
        return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
      }),
    }
  })
}

/** Rows become columns. */
function turned({ data, width, height, channels }: Picture): Picture {
  const out = new Uint8Array(data.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) out[(x * height + y) * channels + c] = data[(y * width + x) * channels + c]!
  return { data: out, width: height, height: width, channels }
}

/** Keys' cubic with a = −0.5. */
function cubic(at: number): number {
  const a = -0.5
  const x = Math.abs(at)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}
