/** The prompts of an end-to-end run as the UNet takes them, as the pipelines of SD and SDXL encode them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { openTokenizer } from '../io/tokenizer.ts'
import type { HostTensor } from '../runtime/session.ts'
import { type Device, readJson } from './case.ts'
import { openText } from './clip.ts'

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
      crops_coords_top_left: pair.default([0, 0]),
      target_size: pair.optional(),
      negative_original_size: pair.optional(),
      negative_crops_coords_top_left: pair.default([0, 0]),
      negative_target_size: pair.optional(),
    })
    .prefault({}),
  latent: z.tuple([z.int(), z.int()]),
})

export type E2eRun = z.output<typeof E2eRun>

export interface Prompts {
  /** Rows of a model call: the prompts, and before them the negative ones under guidance. */
  readonly rows: number
  /** `context`, and for SDXL `textEmbeds` and `timeIds`. */
  readonly feeds: Readonly<Record<string, HostTensor>>
  /** Under the names of the cases. */
  readonly outputs: Readonly<Record<string, HostTensor>>
}

type Floats = { data: Float32Array; shape: readonly number[] }

export async function promptsOf(folder: string, run: E2eRun, device: Device): Promise<Prompts> {
  const prompts = [run.prompt].flat()
  const guided = run.guidance_scale > 1
  const negative = run.negative_prompt ?? ''
  const negatives = Array.isArray(negative) ? negative : prompts.map(() => negative)
  const two = existsSync(join(folder, 'text_encoder_2'))
  const skip = run.args.clip_skip ?? null
  const own = await encode(folder, prompts, skip, two, device)
  const outputs: Record<string, HostTensor> = { ...own.ids, prompt_embeds: own.context }
  if (own.pooled) outputs.pooled_prompt_embeds = own.pooled
  const encoded = [own]
  if (guided) {
    const index = z.looseObject({ force_zeros_for_empty_prompt: z.boolean().default(true) })
    const { force_zeros_for_empty_prompt: force } = index.parse(readJson(join(folder, 'model_index.json')))
    // Only the prompts themselves skip layers.
    const against =
      two && force && run.negative_prompt == null ? zeros(own) : await encode(folder, negatives, null, two, device)
    outputs.negative_prompt_embeds = against.context
    if (against.pooled) outputs.negative_pooled_prompt_embeds = against.pooled
    encoded.unshift(against)
  }
  const rows = encoded.length * prompts.length
  const context = stacked(encoded.map(({ context }) => context))
  if (!own.pooled) return { rows, feeds: { context }, outputs }
  const textEmbeds = stacked(encoded.flatMap(({ pooled }) => pooled ?? []))
  const sizes = timeIds(folder, run, guided).flatMap((row) => prompts.flatMap(() => row))
  const timeIdRows = { data: Float32Array.from(sizes), shape: [rows, 6] }
  return { rows, feeds: { context, textEmbeds, timeIds: timeIdRows }, outputs }
}

interface Encoded {
  context: Floats
  pooled: Floats | null
  ids: Record<string, HostTensor>
}

/** SD takes the last state; SDXL the last but one of each encoder side by side, and the second's pooled embedding. */
async function encode(folder: string, texts: readonly string[], skip: number | null, two: boolean, device: Device) {
  const encoded: Encoded = { context: { data: new Float32Array(), shape: [] }, pooled: null, ids: {} }
  const states: Floats[] = []
  for (const suffix of two ? ['', '_2'] : ['']) {
    const tokenizer = openTokenizer(join(folder, `tokenizer${suffix}`))
    const length = tokenizer.modelMaxLength
    const rows = texts.flatMap((text) => tokenizer.padded(tokenizer.encode(text), length))
    const ids = { data: BigInt64Array.from(rows, BigInt), shape: [texts.length, length] }
    const session = await openText(join(folder, `text_encoder${suffix}`), length, device)
    const out = await session.run({ ids })
    await session.close()
    const layers = Object.keys(out).filter((name) => name.startsWith('hidden_states.')).length
    const single = skip ? `sd_clip_skip_${skip}` : 'last_hidden_state'
    const name = two ? `hidden_states.${layers - 2 - (skip ?? 0)}` : single
    states.push(floats(out, name))
    encoded.ids[`input_ids${suffix}`] = ids
    if (suffix === '_2') encoded.pooled = floats(out, 'text_embeds')
  }
  encoded.context = sideBySide(states)
  return encoded
}

function floats(out: Readonly<Record<string, HostTensor>>, name: string): Floats {
  const tensor = out[name]
  if (!(tensor?.data instanceof Float32Array)) throw new RangeError(`the text encoder has no '${name}'`)
  return { data: tensor.data, shape: tensor.shape }
}

function zeros({ context, pooled, ids }: Encoded): Encoded {
  const empty = ({ data, shape }: Floats) => ({ data: new Float32Array(data.length), shape })
  return { context: empty(context), pooled: pooled && empty(pooled), ids }
}

/** Sizes and crop of each half, negative first, in pixels: height before width. */
function timeIds(folder: string, { latent, args }: E2eRun, guided: boolean): number[][] {
  const vae = z.looseObject({ block_out_channels: z.array(z.int()) }).parse(readJson(join(folder, 'vae/config.json')))
  const size = latent.map((side) => side * 2 ** (vae.block_out_channels.length - 1))
  const original = args.original_size ?? size
  const target = args.target_size ?? size
  const own = [...original, ...args.crops_coords_top_left, ...target]
  if (!guided) return [own]
  const { negative_original_size: from, negative_target_size: to } = args
  return [from && to ? [...from, ...args.negative_crops_coords_top_left, ...to] : own, own]
}

function stacked(parts: readonly Floats[]): Floats {
  const [first] = parts as [Floats]
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0)
  return { data: Float32Array.from(parts.flatMap(({ data }) => [...data])), shape: [rows, ...first.shape.slice(1)] }
}

/** parts[N,T,D] each, joined along D. */
function sideBySide(parts: readonly Floats[]): Floats {
  const [n, t] = parts[0]!.shape as [number, number]
  const widths = parts.map(({ shape }) => shape[2]!)
  const width = widths.reduce((a, b) => a + b)
  const data = new Float32Array(n * t * width)
  for (let row = 0; row < n * t; row++) {
    let at = row * width
    for (const [i, part] of parts.entries()) {
      data.set(part.data.subarray(row * widths[i]!, (row + 1) * widths[i]!), at)
      at += widths[i]!
    }
  }
  return { data, shape: [n, t, width] }
}
