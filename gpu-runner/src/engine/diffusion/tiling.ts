/**
 * Large pictures through an autoencoder in overlapping tiles (diffusers AutoencoderKL, tiled_decode and tiled_encode),
 * so that what the model needs grows with the tile and not with the picture.
 */

/** [N,C,H,W] */
export interface Planes {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

export interface Tiling {
  /** Sides of a tile, going in and coming out: 64 and 512 to decode SD's latents, 512 and 64 to encode. */
  readonly tile: number
  readonly out: number
  /** Share of a tile that it has in common with the next; their values fade from one to the other there. */
  readonly overlap?: number
}

/** The tiles of an autoencoder: as large as the pictures it was trained on, `sampleSize` pixels along one side. */
export function tilingOf(sampleSize: number, factor: number, direction: 'decode' | 'encode'): Tiling {
  const latent = Math.floor(sampleSize / factor)
  return direction === 'decode' ? { tile: latent, out: latent * factor } : { tile: latent * factor, out: latent }
}

/**
 * `run`, the model for one tile, over x[N,C,H,W]: in tiles where x is longer than one, else at once. Kept are the
 * result and two rows of tiles. What `run` returns is changed in place.
 */
export async function inTiles(
  x: Planes,
  tiling: Tiling,
  run: (tile: Planes) => Promise<Planes>,
  signal?: AbortSignal,
): Promise<Planes> {
  const [, , height, width] = dims(x)
  const { tile, out } = tiling
  if (height <= tile && width <= tile) return run(x)
  const { step, kept, fade } = distances(tiling)
  const [h, w] = [(height * out) / tile, (width * out) / tile]
  if (!Number.isInteger(h) || !Number.isInteger(w))
    throw new RangeError(`inTiles: [${x.shape}] does not become whole pixels at ${out} for ${tile}`)
  let result: Planes | undefined
  let above: Planes[] = []
  for (let top = 0; top < height; top += step) {
    const row: Planes[] = []
    for (let left = 0; left < width; left += step) {
      signal?.throwIfAborted()
      const part = cut(x, top, left, tile)
      const made = await run(part)
      checkTile(part, made, tiling)
      if (top > 0) fadeFrom(above[row.length]!, made, fade, 2)
      if (left > 0) fadeFrom(row.at(-1)!, made, fade, 3)
      row.push(made)
      result ??= zeros([made.shape[0]!, made.shape[1]!, h, w])
      paste(made, result, (top / step) * kept, (left / step) * kept, kept)
    }
    above = row
  }
  return result!
}

/** In which steps tiles begin, going in; how much of each is kept, and how much of it fades, coming out. */
function distances({ tile, out, overlap = 0.25 }: Tiling): { step: number; kept: number; fade: number } {
  const [step, fade] = [Math.floor(tile * (1 - overlap)), Math.floor(out * overlap)]
  const kept = out - fade
  if (!(step > 0 && kept > 0 && step * out === kept * tile))
    throw new RangeError(`inTiles: tiles of ${tile} that become ${out} and share ${overlap} of it do not meet`)
  return { step, kept, fade }
}

/** Over the first `fade` rows (axis 2) or columns (axis 3) of `to`, from the last of `from` to its own. */
function fadeFrom(from: Planes, to: Planes, fade: number, axis: 2 | 3): void {
  const [n, c, height, width] = dims(to)
  const [, , fromHeight, fromWidth] = dims(from)
  const extent = Math.min(from.shape[axis]!, to.shape[axis]!, fade)
  const [rows, columns] = axis === 2 ? [extent, width] : [height, extent]
  const [y0, x0] = axis === 2 ? [fromHeight - extent, 0] : [0, fromWidth - extent]
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const at = (plane * height + y) * width + x
        const before = from.data[(plane * fromHeight + y0 + y) * fromWidth + x0 + x]!
        const share = (axis === 2 ? y : x) / extent
        to.data[at] = before * (1 - share) + to.data[at]! * share
      }
}

/** The square of `side` at top, left; less at the lower and right edges. */
function cut(x: Planes, top: number, left: number, side: number): Planes {
  const [n, c, height, width] = dims(x)
  const part = zeros([n, c, Math.min(side, height - top), Math.min(side, width - left)])
  const [, , h, w] = dims(part)
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < h; y++) {
      const start = (plane * height + top + y) * width + left
      part.data.set(x.data.subarray(start, start + w), (plane * h + y) * w)
    }
  return part
}

/** The upper left square of `kept`, or what there is of it, at top, left of `to`. */
function paste(from: Planes, to: Planes, top: number, left: number, kept: number): void {
  const [n, c, h, w] = dims(from)
  const [, , height, width] = dims(to)
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < Math.min(h, kept); y++) {
      const start = (plane * h + y) * w
      to.data.set(from.data.subarray(start, start + Math.min(w, kept)), (plane * height + top + y) * width + left)
    }
}

function checkTile(part: Planes, made: Planes, { tile, out }: Tiling): void {
  const fits = [2, 3].every((axis) => made.shape[axis]! * tile === part.shape[axis]! * out)
  if (!fits || made.shape.length !== 4)
    throw new RangeError(`inTiles: a tile [${part.shape}] became [${made.shape}], not ${out} for ${tile} a side`)
}

function zeros(shape: readonly number[]): Planes {
  return { data: new Float32Array(shape.reduce((a, b) => a * b)), shape }
}

function dims({ data, shape }: Planes): [number, number, number, number] {
  const [n = 0, c = 0, h = 0, w = 0] = shape
  if (shape.length !== 4 || n * c * h * w !== data.length)
    throw new RangeError(`inTiles: ${data.length} values are no planes [${shape}]`)
  return [n, c, h, w]
}
