/** Cases of kind `preprocess`: 8-bit pictures to what the models take. */
import { join } from 'node:path'
import { z } from 'zod'
import { clipPixels, maskPixels, vaePixels } from '../../engine/io/pixels.ts'
import type { Picture } from '../../engine/io/resize.ts'
import { checkAll, type GoldenCase, NotUnderstood, readJson } from './case.ts'
import type { Check } from './compare.ts'

const Sized = z.looseObject({ height: z.int(), width: z.int() })

const Processor = z
  .looseObject({
    size: z.union([z.int(), z.looseObject({ shortest_edge: z.int() })]),
    crop_size: z.union([z.int(), Sized]),
    image_mean: z.array(z.number()),
    image_std: z.array(z.number()),
    resample: z.literal(3).default(3),
  })
  .transform((c) => ({
    shortestEdge: typeof c.size === 'number' ? c.size : c.size.shortest_edge,
    crop: typeof c.crop_size === 'number' ? { width: c.crop_size, height: c.crop_size } : c.crop_size,
    mean: c.image_mean,
    std: c.image_std,
  }))

export async function* preprocess(golden: GoldenCase): AsyncGenerator<Check> {
  for (const run of golden.json.runs) {
    const picture = pictureOf(golden, `${run.id}.image_u8`)
    switch (run.op) {
      case 'clip': {
        const options = Processor.parse(readJson(join(golden.folder, 'preprocessor_config.json')))
        const { width, height } = options.crop
        const shape = [1, picture.channels, height, width]
        yield* checkAll(golden, run.id, { pixel_values: { data: clipPixels(picture, options), shape } })
        break
      }
      case 'vae': {
        const { width, height } = Sized.parse(run)
        const shape = [1, picture.channels, height, width]
        yield* checkAll(golden, run.id, { pixel_values: { data: vaePixels(picture, width, height), shape } })
        break
      }
      case 'ip_mask': {
        const { width, height } = Sized.parse(run)
        const mask = { data: maskPixels(picture, width, height), shape: [1, 1, height, width] }
        yield* checkAll(golden, run.id, { mask })
        break
      }
      default:
        throw new NotUnderstood(`${run.id}: op ${JSON.stringify(run.op)} is none of clip, vae, ip_mask`)
    }
  }
}

function pictureOf({ inputs, folder }: GoldenCase, name: string): Picture {
  const info = inputs.tensors.get(name)
  if (info?.dtype !== 'U8' || info.shape.length < 2 || info.shape.length > 3)
    throw new NotUnderstood(`${folder}: no picture '${name}'`)
  const [height, width, channels = 1] = info.shape as [number, number, number?]
  return { data: inputs.bytes(name), width, height, channels }
}
