import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { editJson, sd15, sdxl } from '../../../../test/model-folder.ts'
import { mul } from '../graph/arithmetic.ts'
import { input, type Value } from '../graph/value.ts'
import { recordMaps } from '../models/attention-maps.ts'
import { unet } from '../models/unet.ts'
import { storedWeights } from '../runtime/model-weights.ts'
import { openSession } from '../runtime/session.ts'
import { levelGrid, levelOf } from './attention-plan.ts'
import { planBatches } from './batches.ts'
import { encodeConditioning, promptIds } from './conditioning.ts'
import type { DenoiserCall } from './denoiser-feeds.ts'
import { partCheckpoint } from './folder.ts'
import { type GuidedOptions, guidedDenoise, type Sharing } from './guided.ts'
import { openPipeline } from './open.ts'

// As SDXL itself: attention at 64 and 32, the latter with layers of depth 2.
const large = mkdtempSync(join(tmpdir(), 'model-'))
cpSync(sdxl, large, { recursive: true })
editJson(join(large, 'unet/config.json'), { sample_size: 128 })
const folders = { sd15, sdxl: large }
const models = { sd15: await openPipeline(sd15, {}), sdxl: await openPipeline(large, {}) }
after(async () => {
  await Promise.all(Object.values(models).map((model) => model.release()))
  rmSync(large, { recursive: true })
})

// No multiple of what the levels need: 5 and 3 below.
const grid = { width: 9, height: 5 }
const size = 4 * grid.width * grid.height
const frames = [0, 1, 2]
const x = wave(frames.length * size, 1)
const texts = ['a red fox', 'a gray cat on a beach', 'a fox and a cat']

for (const [name, pipeline] of Object.entries(models)) {
  const { plan } = pipeline.denoiser

  test(`${name}: in whatever calls frames are sampled, the same comes out; sharing changes it`, async () => {
    const looksAt = [[1], [0], [0, 1]]
    const step = async (most: number, sharing?: Sharing) => {
      const batches = planBatches(frames, sharing ? looksAt : [], most)
      return (await denoiserOf(name, { batches, most, sharing }))(x, 500, 3)
    }
    const alone = await step(6)
    near(await step(1), alone)
    const seen = [new Map<number, Float32Array>(), new Map<number, Float32Array>(), new Map<number, Float32Array>()]
    const [whole, halves, two] = [sharing(name, seen[0]!), sharing(name, seen[1]!), sharing(name, seen[2]!)]
    const shared = await step(6, whole)
    near(await step(3, halves), shared)
    near(await step(2, two), shared)
    for (const frame of frames) {
      near(seen[1]!.get(frame)!, seen[0]!.get(frame)!)
      near(seen[2]!.get(frame)!, seen[0]!.get(frame)!)
    }
    // Frame 2 attends to no other here.
    const moved = frames.map((frame) => furthest(shared, alone, frame * size, (frame + 1) * size))
    assert.ok(moved[0]! > 1e-3 && moved[1]! > 1e-3 && moved[2]! < 1e-5, String(moved))
  })

  test(`${name}: maps are the mean over the recorded layers of the level, at the chosen tokens`, async () => {
    const seen = new Map<number, Float32Array>()
    await (await denoiserOf(name, { sharing: sharing(name, seen) }))(x, 500, 3)
    const { config } = pipeline.denoiser
    const recorded = new Map<string, Value>()
    const { conditional } = await conditioningOf(name)
    const row = conditional[1]!
    const { length, width, pooledWidth } = pipeline.text
    const extra = pipeline.takesSizes && {
      textEmbeds: input('textEmbeds', ['batch', pooledWidth]),
      timeIds: input('timeIds', ['batch', 6]),
    }
    const inputs = {
      sample: input('sample', ['batch', 4, 'height', 'width']),
      timestep: input('timestep', ['batch']),
      context: input('context', ['batch', length, width]),
      ...extra,
    }
    const folder = join(folders[name as keyof typeof folders], 'unet')
    const out = unet(inputs, storedWeights(partCheckpoint(folder), folder), config, { cross: recordMaps(recorded) })
    const layers = [...recorded.keys()].filter((layer) => levelOf(layer, config).level === plan.maps)
    assert.equal(layers.length, name === 'sd15' ? 3 : 2 * (1 + 1 + 2), String(layers))
    const outputs = Object.fromEntries(layers.map((layer) => [layer, recorded.get(layer)!]))
    const session = await openSession({ ...outputs, used: mul(out, out) }, { weights: folder })
    const feeds = {
      sample: { data: x.subarray(size, 2 * size), shape: [1, 4, grid.height, grid.width] },
      timestep: { data: Float32Array.of(500), shape: [1] },
      context: { data: row.context, shape: [1, length, width] },
      ...(pipeline.takesSizes && {
        textEmbeds: { data: row.pooled!, shape: [1, pooledWidth] },
        timeIds: { data: Float32Array.from(row.timeIds!), shape: [1, 6] },
      }),
    }
    const maps = await session.run(feeds)
    await session.close()
    const own = levelGrid(grid, plan.maps)
    const expected = new Float32Array(2 * own.width * own.height)
    for (const layer of layers)
      for (let p = 0; p < own.width * own.height; p++) {
        const at = (token: number) => Number(maps[layer]!.data[p * length + token]) / layers.length
        expected[2 * p]! += (at(1) + at(2)) / 2
        expected[2 * p + 1]! += at(3)
      }
    // The first layers of the way down see nothing that is shared, those on the way up do.
    near(seen.get(1)!, expected, 0.05)
    const alone = new Map<number, Float32Array>()
    await (
      await denoiserOf(name, {
        sharing: { ...sharing(name, alone), sharedPixels: () => plan.shared.map(() => [[], [], []]) },
      })
    )(x, 500, 3)
    near(alone.get(1)!, expected)
  })
}

test('guidance: none at scale 1 and outside its interval, and rescaled to the deviation of the conditional output', async () => {
  const conditional = await (await denoiserOf('sd15', { guidance: { scale: 1 } }))(x, 500, 3)
  const negative = await conditioningOf('sd15')
  const swapped = { conditional: negative.unconditional!, unconditional: null }
  const free = await (await denoiserOf('sd15', { conditioning: swapped, guidance: { scale: 1 } }))(x, 500, 3)
  const guided = await (await denoiserOf('sd15', { guidance: { scale: 3 } }))(x, 500, 3)
  near(
    guided,
    conditional.map((value, i) => free[i]! + 3 * (value - free[i]!)),
    1e-4,
  )
  const early = await denoiserOf('sd15', { guidance: { scale: 3, interval: [0, 0.3] } })
  near(await early(x, 500, 2), guided)
  near(await early(x, 500, 3), conditional)
  const rescaled = await (await denoiserOf('sd15', { guidance: { scale: 3, rescale: 1 } }))(x, 500, 3)
  for (const frame of frames) {
    const deviation = (values: Float32Array) => {
      const own = [...values.subarray(frame * size, (frame + 1) * size)]
      const mean = own.reduce((a, b) => a + b) / size
      return Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (size - 1))
    }
    assert.ok(Math.abs(deviation(rescaled) / deviation(conditional) - 1) < 1e-4)
  }
})

test('unconditional rows attend to no other frame, so that guidance leads away from each frame on its own', async () => {
  const whole = () => sharing('sd15', new Map())
  const { conditional, unconditional } = await conditioningOf('sd15')
  const swapped = { conditional: unconditional!, unconditional: null }
  const free = await (await denoiserOf('sd15', { conditioning: swapped, guidance: { scale: 1 } }))(x, 500, 3)
  const bound = await (
    await denoiserOf('sd15', {
      conditioning: { conditional, unconditional: null },
      guidance: { scale: 1 },
      sharing: whole(),
    })
  )(x, 500, 3)
  const guided = await (await denoiserOf('sd15', { guidance: { scale: 3 }, sharing: whole() }))(x, 500, 3)
  near(
    guided,
    bound.map((value, i) => free[i]! + 3 * (value - free[i]!)),
    1e-4,
  )
})

test('unconditional rows get no identity, and none are computed for frames that are given; both halves are one call where nothing is shared', async () => {
  const { conditional, unconditional } = await conditioningOf('sd15')
  const { denoiser } = models.sd15
  const calls: DenoiserCall[] = []
  const watched: GuidedOptions['denoiser'] = {
    ...denoiser,
    run(call) {
      calls.push(call)
      // Golden SD 1.5 has no layers for identities; where they go is what is tested here.
      const { identities: _, ...rest } = call
      return denoiser.run(rest)
    },
  }
  const kinds = (call: DenoiserCall) =>
    call.rows.map(({ context }) => {
      const of = (rows: readonly { context: Float32Array }[]) => rows.findIndex((row) => row.context === context)
      return unconditional!.some((row) => row.context === context) ? 'free' : `of ${of(conditional)}`
    })
  const conditioning = { conditional, unconditional }
  const step = async (options: Partial<GuidedOptions>) => {
    calls.length = 0
    const out = await (await denoiserOf('sd15', { denoiser: watched, conditioning, ...options }))(x, 500, 3)
    return {
      out,
      calls: calls.map((call) => [kinds(call), call.sharedPixels !== undefined, call.identities?.slots.length]),
    }
  }
  const [free, bound] = [
    ['free', 'free', 'free'],
    ['of 0', 'of 1', 'of 2'],
  ]
  assert.deepEqual((await step({})).calls, [[[...free, ...bound], false, undefined]])
  assert.deepEqual((await step({ sharing: sharing('sd15', new Map()) })).calls, [
    [free, false, undefined],
    [bound, true, undefined],
  ])
  const mask = new Float32Array(grid.width * grid.height).fill(1)
  const injection = { tokens: [], slots: () => [{ frame: 1, references: [0], mask }] }
  assert.deepEqual((await step({ injection })).calls, [
    [free, false, undefined],
    [bound, false, 1],
  ])
  const latent = wave(size, 7)
  const given = (frame: number) => (frame === 1 ? latent : undefined)
  const shown = await step({ given, sharing: sharing('sd15', new Map()) })
  assert.deepEqual(shown.calls, [
    [free.slice(1), false, undefined],
    [bound, true, undefined],
  ])
  assert.ok(shown.out.every(Number.isFinite))
})

test('without a negative prompt, guidance leads away from zeros in SDXL and from the empty prompt in SD', async () => {
  const prompts = [promptIds('a red fox', models.sdxl.text)]
  const options = { prompts, negatives: null, size: [72, 40] as const }
  const [{ context, pooled, timeIds }] = (await encodeConditioning(models.sdxl, options)).unconditional as [
    { context: Float32Array; pooled: Float32Array; timeIds: number[] },
  ]
  assert.ok(context.every((value) => value === 0) && pooled.every((value) => value === 0) && pooled.length > 0)
  assert.deepEqual(timeIds, [72, 40, 0, 0, 72, 40])
  const sd = { prompts: [promptIds('a red fox', models.sd15.text)], size: [72, 40] as const }
  const empty = [promptIds('', models.sd15.text)]
  assert.deepEqual(
    await encodeConditioning(models.sd15, { ...sd, negatives: null }),
    await encodeConditioning(models.sd15, { ...sd, negatives: empty }),
  )
})

test('attending to a frame that is not in the call is an error', async () => {
  const batches = planBatches(frames, [], 1)
  const denoise = await denoiserOf('sd15', { batches, most: 1, sharing: sharing('sd15', new Map()) })
  await assert.rejects(denoise(x, 500, 0), /frame 1 is attended to, and not in the call of 0/)
})

test('an abort between two calls of one step ends it', async () => {
  const stop = new AbortController()
  const watched: Sharing = {
    ...sharing('sd15', new Map()),
    sharedPixels: () => models.sd15.denoiser.plan.shared.map(() => [[], [], []]),
    observe: () => stop.abort(new Error('enough')),
  }
  const batches = planBatches(frames, [], 1)
  const denoise = await denoiserOf('sd15', { batches, most: 1, sharing: watched, signal: stop.signal })
  await assert.rejects(denoise(x, 500, 0), /enough/)
})

/** Frames 0 and 1 share a few pixels with each other; tokens 1 and 2 name one character, token 3 the other. */
function sharing(name: string, seen: Map<number, Float32Array>): Sharing {
  const { text, denoiser } = models[name as keyof typeof models]
  const { length } = text
  const selector = new Float32Array(length * 2)
  selector[2] = selector[4] = 0.5
  selector[7] = 1
  return {
    selectors: frames.map(() => selector),
    tokenGroups: 2,
    sharedPixels() {
      return denoiser.plan.shared.map((level) => {
        const own = levelGrid(grid, level)
        const pixels = own.width * own.height
        return [[pixels, 2 * pixels - 1], [0, 1, 2], []]
      })
    },
    observe: (_, frame, map) => seen.set(frame, Float32Array.from(map)),
  }
}

async function conditioningOf(name: string) {
  const pipeline = models[name as keyof typeof models]
  const negatives = frames.map(() => promptIds('blurry', pipeline.text))
  const prompts = texts.map((prompt) => promptIds(prompt, pipeline.text))
  return encodeConditioning(pipeline, { prompts, negatives, size: [40, 72] })
}

async function denoiserOf(name: string, options: Partial<GuidedOptions>) {
  const { denoiser } = models[name as keyof typeof models]
  return guidedDenoise({
    denoiser,
    conditioning: await conditioningOf(name),
    grid,
    guidance: { scale: 4 },
    steps: 10,
    batches: [{ frames, taken: frames }],
    most: 6,
    ...options,
  })
}

function wave(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(seed + i * i))
}

function furthest(a: Float32Array, b: Float32Array, from = 0, to = a.length): number {
  let most = 0
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}

function near(a: Float32Array, b: Float32Array, tolerance = 1e-5): void {
  assert.equal(a.length, b.length)
  const most = furthest(a, b)
  assert.ok(most <= tolerance, `differs by ${most}`)
}
