import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { assertClose } from '../../../../test/gradient.ts'
import { copyModel, editJson, fillTensor, sd15, sdxl } from '../../../../test/model-folder.ts'
import { openVision } from '../../lab/parity/clip.ts'
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { BrokenWeights } from '../runtime/finite.ts'
import { encodeConditioning, promptIds } from './conditioning.ts'
import { openPipeline, type PipelineOptions } from './open.ts'
import type { IdentitySlot } from './slots.ts'
import { ModelError } from './source.ts'

const grid = { width: 9, height: 5 }
const pixels = grid.width * grid.height
const files = { base: join(sd15, '../ip_base.safetensors'), plus: join(sd15, '../ip_plus.safetensors') }
/** Sound, and not what either adapter was trained with. */
const storyMiniEncoder = join(import.meta.dirname, '../../../models/story-mini/image_encoder')
const clip = { mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] }

for (const [kind, file] of Object.entries(files))
  test(`${kind}: an identity at every pixel of a row is that picture through an IP-Adapter; at none it changes nothing`, async (t) => {
    const { pipeline, call } = await open(t, { ipAdapter: file })
    const identity = pipeline.identity!
    const picture = wave(3 * identity.side ** 2, 3)
    const [tokens] = await identity.encode([picture])
    const at = (row: number, share: number): IdentitySlot => ({
      ...{ row, references: [0] },
      mask: new Float32Array(pixels).fill(share),
    })
    const own = (slots: readonly IdentitySlot[]) => call({ identities: { tokens: [tokens!], slots } })
    const [inOne, inNone, plain] = [await own([at(1, 1)]), await own([at(0, 0), at(1, 0)]), await call({})]

    const session = await openVision(join(sd15, 'image_encoder'), 'cpu')
    const area = identity.side ** 2
    const seen = picture.map((value, i) => {
      const c = Math.floor(i / area)
      return ((value + 1) / 2 - clip.mean[c]!) / clip.deviation[c]!
    })
    const shape = [1, 3, identity.side, identity.side]
    const embeds = (await session.run({ pixels: { data: seen, shape } }))[
      kind === 'base' ? 'image_embeds' : 'penultimate'
    ]!
    await session.close()
    const theirs = await open(t, { adapters: [{ file, embedShape: [1, ...embeds.shape.slice(1)], scale: 1 }] })
    const [, want] = await theirs.call({}, [embeds.data as Float32Array])
    assertClose(inOne[1]!, want!, 2e-5)
    assertClose(inOne[0]!, plain[0]!, 2e-5)
    assertClose(inNone[1]!, plain[1]!, 2e-5)
    assert.ok(inOne[1]!.some((value, i) => Math.abs(value - plain[1]![i]!) > 1e-3))
  })

test('half of the pixels: the other half is what it would be at the layer itself, and two slots add up', async (t) => {
  const { pipeline, call } = await open(t, { ipAdapter: files.plus })
  const tokens = await pipeline.identity!.encode([1, 2].map((seed) => wave(3 * pipeline.identity!.side ** 2, seed)))
  const left = Float32Array.from({ length: pixels }, (_, p) => Number(p % grid.width < 4))
  const right = left.map((value) => 1 - value)
  const run = (...slots: IdentitySlot[]) => call({ identities: { tokens, slots } })
  const whole = await run({ row: 0, references: [0, 1], mask: left.map(() => 1) })
  const halves = await run({ row: 0, references: [0, 1], mask: left }, { row: 0, references: [1, 0], mask: right })
  // References have no order, and where regions meet they share pixels of the coarser layers.
  assertClose(halves[0]!, whole[0]!, 2e-5)
  const other = await run({ row: 0, references: [0], mask: left }, { row: 0, references: [1], mask: right })
  assert.ok(other[0]!.some((value, i) => Math.abs(value - whole[0]![i]!) > 1e-4))
})

test('an adapter that does not belong to the model is refused by name', async (t) => {
  await assert.rejects(openPipeline(sdxl, { ipAdapter: files.plus }), (error: unknown) => {
    assert.ok(error instanceof ModelError)
    assert.match(error.message, /ip_plus\.safetensors|image_encoder/)
    return true
  })
  const folder = copyModel(t, sd15)
  editJson(join(folder, 'image_encoder/config.json'), { image_size: 0 })
  await assert.rejects(openPipeline(folder, { ipAdapter: files.plus }), ModelError)
  const { pipeline } = await open(t, {})
  assert.equal(pipeline.identity, null)
})

test('an adapter beside the wrong image encoder, or none, is refused when the model is opened', async (t) => {
  const refused = async (folder: string, reason: RegExp) => {
    await assert.rejects(openPipeline(folder, {}), (error: unknown) => {
      assert.ok(error instanceof ModelError, String(error))
      assert.match(error.message, reason)
      return true
    })
  }
  for (const file of Object.values(files)) {
    const folder = copyModel(t, sd15)
    cpSync(file, join(folder, 'ip_adapter.safetensors'))
    const encoder = join(folder, 'image_encoder')
    rmSync(encoder, { recursive: true })
    await refused(folder, /image_encoder is missing: the adapter .*ip_adapter\.safetensors/)
    cpSync(storyMiniEncoder, encoder, { recursive: true })
    await refused(folder, /ip_adapter\.safetensors does not fit the image encoder in .*image_encoder: .*image_proj/)
  }
})

test('a broken tensor of the adapter is found like one of the model', async (t) => {
  const folder = copyModel(t, sd15)
  const file = join(folder, 'ip_adapter.safetensors')
  cpSync(files.plus, file)
  fillTensor(file, 'ip_adapter.1.to_k_ip.weight', Number.NaN)
  const pipeline = await openPipeline(folder, {})
  t.after(() => pipeline.release())
  const prompts = [promptIds('a red fox', pipeline.text)]
  const { conditional } = await encodeConditioning(pipeline, { prompts, size: [72, 40] })
  const rows = [{ ...conditional[0]!, latent: wave(4 * pixels, 1) }]
  const tokens = await pipeline.identity!.encode([wave(3 * pipeline.identity!.side ** 2, 3)])
  const slots = [{ row: 0, references: [0], mask: new Float32Array(pixels).fill(1) }]
  await assert.rejects(pipeline.denoiser.run({ rows, grid, timestep: 500, identities: { tokens, slots } }), (error) => {
    assert.ok(error instanceof BrokenWeights)
    assert.deepEqual([error.part, error.tensor, error.path], ['unet', 'ip_adapter.1.to_k_ip.weight', file])
    return true
  })
})

async function open(t: TestContext, options: PipelineOptions) {
  const pipeline = await openPipeline(sd15, options)
  t.after(() => pipeline.release())
  const prompts = ['a red fox', 'a gray cat'].map((text) => promptIds(text, pipeline.text))
  const { conditional } = await encodeConditioning(pipeline, { prompts, size: [72, 40] })
  const call = async (more: object, pictures?: readonly Float32Array[]) => {
    const rows = conditional.map((row, i) => ({
      ...{ ...row, latent: wave(4 * pixels, i + 1) },
      ...(pictures && { pictures }),
    }))
    return (await pipeline.denoiser.run({ rows, grid, timestep: 500, ...more })).outputs
  }
  return { pipeline, call }
}

function wave(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(seed * i * 0.7 + i * i * 0.01))
}

test('an adapter beside the model is found under its published name, and full-face makes a token of each state', async (t) => {
  const folder = copyModel(t, sd15)
  const plus = openSafetensors(files.plus)
  const layers = [...plus.tensors].filter(([name]) => name.startsWith('ip_adapter.'))
  const kept = layers.map(([name, { dtype, shape }]) => [name, { dtype, shape, data: plus.bytes(name) }] as const)
  const values = (...shape: number[]) => {
    const data = wave(
      shape.reduce((a, b) => a * b, 1),
      shape.length,
    )
    return { dtype: 'F32', shape, data: data.map((value) => value / 4) } as const
  }
  const { hidden_size: wide } = JSON.parse(readFileSync(join(sd15, 'image_encoder/config.json'), 'utf8'))
  const width = 24
  const own = {
    'image_proj.proj.0.weight': values(wide, wide),
    'image_proj.proj.0.bias': values(wide),
    'image_proj.proj.2.weight': values(width, wide),
    'image_proj.proj.2.bias': values(width),
    'image_proj.proj.3.weight': values(width),
    'image_proj.proj.3.bias': values(width),
  }
  writeSafetensors(join(folder, 'ip-adapter-full-face_sd15.safetensors'), { ...Object.fromEntries(kept), ...own })
  const pipeline = await openPipeline(folder, {})
  t.after(() => pipeline.release())
  const { side, tokens, file } = pipeline.identity!
  assert.match(file, /full-face_sd15/)
  const picture = wave(3 * side ** 2, 3)
  const [made] = await pipeline.identity!.encode([picture])
  assert.equal(made!.length, tokens * width)

  const session = await openVision(join(sd15, 'image_encoder'), 'cpu')
  const pixels = picture.map((value, i) => {
    const c = Math.floor(i / side ** 2)
    return ((value + 1) / 2 - clip.mean[c]!) / clip.deviation[c]!
  })
  const states = (await session.run({ pixels: { data: pixels, shape: [1, 3, side, side] } })).penultimate!
  await session.close()
  assert.equal(tokens, states.shape[1])
  // By plain loops: linear, GELU, linear, then the norm over each token.
  const matrix = (x: ArrayLike<number>, { shape, data }: ReturnType<typeof values>, bias: Float32Array) =>
    Float32Array.from({ length: shape[0]! }, (_, o) => {
      let sum = bias[o]!
      for (let i = 0; i < shape[1]!; i++) sum += data[o * shape[1]! + i]! * x[i]!
      return sum
    })
  const [p0, b0, p2, b2, g, b] = Object.values(own)
  for (let token = 0; token < tokens; token++) {
    const x = (states.data as Float32Array).subarray(token * wide, (token + 1) * wide)
    const inner = matrix(x, p0!, b0!.data).map((value) => 0.5 * value * (1 + erf(value / Math.SQRT2)))
    const y = matrix(inner, p2!, b2!.data)
    const mean = y.reduce((a, v) => a + v, 0) / width
    const deviation = Math.sqrt(y.reduce((a, v) => a + (v - mean) ** 2, 0) / width + 1e-5)
    const want = y.map((value, i) => ((value - mean) / deviation) * g!.data[i]! + b!.data[i]!)
    assertClose(made!.slice(token * width, (token + 1) * width), want, 1e-3)
  }
})

/** Abramowitz and Stegun 7.1.26, exact to 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}
