/** A run of a case of kind `e2e`, as `case.json` describes it. */
import { z } from 'zod'

const pair = z.tuple([z.number(), z.number()])
const texts = z.union([z.string(), z.array(z.string())])

export const E2eRun = z.looseObject({
  id: z.string(),
  prompt: texts,
  negative_prompt: texts.nullish(),
  steps: z.int(),
  guidance_scale: z.number(),
  /** Image to image: the share of the steps to do. */
  strength: z.number().optional(),
  scheduler: z.looseObject({ class: z.string(), overrides: z.record(z.string(), z.unknown()).default({}) }).optional(),
  ip_adapter: z.string().optional(),
  ip_scale: z.union([z.number(), z.array(z.number())]).default(1),
  args: z
    .strictObject({
      clip_skip: z.int().nullish(),
      eta: z.number().default(0),
      guidance_rescale: z.number().default(0),
      original_size: pair.optional(),
      crops_coords_top_left: pair.optional(),
      target_size: pair.optional(),
      negative_original_size: pair.optional(),
      negative_crops_coords_top_left: pair.optional(),
      negative_target_size: pair.optional(),
    })
    .prefault({}),
  latent: z.tuple([z.int(), z.int()]),
})

export type E2eRun = z.output<typeof E2eRun>
