import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gaussian } from '../diffusion/noise.ts'
import { input } from '../graph/value.ts'
import { readConfig } from '../io/config.ts'
import { type NewTensor, openCheckpoint, openSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { unet } from '../models/unet.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import { LoraError, openLoras, unusedParts } from './lora.ts'
import { openWeights } from './model-weights.ts'
import { openSession } from './session.ts'

const pipeline = join(import.meta.dirname, '../../../../test/golden/e2e-sd15-tiny/pipeline')
const golden = join(pipeline, 'unet')
const base = 'diffusion_pytorch_model'

/** Layers of the golden UNet, of one residual layer a level, and their names in the first implementation's count. */
const attention = [
  ['down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q', 'input_blocks_3_1_transformer_blocks_0_attn1_to_q'],
  ['down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k', 'input_blocks_1_1_transformer_blocks_0_attn2_to_k'],
  ['mid_block.attentions.0.transformer_blocks.0.attn2.to_v', 'middle_block_1_transformer_blocks_0_attn2_to_v'],
  [
    'up_blocks.3.attentions.1.transformer_blocks.0.attn1.to_out.0',
    'output_blocks_7_1_transformer_blocks_0_attn1_to_out_0',
  ],
] as const
const others = [
  [
    'up_blocks.2.attentions.1.transformer_blocks.0.ff.net.0.proj',
    'output_blocks_5_1_transformer_blocks_0_ff_net_0_proj',
  ],
  ['mid_block.attentions.0.proj_in', 'middle_block_1_proj_in'],
  ['mid_block.resnets.1.time_emb_proj', 'middle_block_2_emb_layers_1'],
  ['down_blocks.1.resnets.0.conv1', 'input_blocks_3_0_in_layers_2'],
  ['down_blocks.1.resnets.0.conv_shortcut', 'input_blocks_3_0_skip_connection'],
  ['down_blocks.0.downsamplers.0.conv', 'input_blocks_2_0_op'],
  ['up_blocks.0.upsamplers.0.conv', 'output_blocks_1_1_conv'],
  ['up_blocks.1.upsamplers.0.conv', 'output_blocks_3_2_conv'],
  ['up_blocks.3.resnets.1.conv2', 'output_blocks_7_0_out_layers_3'],
  ['time_embedding.linear_1', 'time_embed_0'],
  ['conv_in', 'input_blocks_0_0'],
  ['conv_out', 'out_2'],
] as const
const all = [...attention, ...others]
const ldmName = new Map<string, string>(all)

interface Layout {
  layers: readonly (readonly [string, string])[]
  up: (layer: string) => string
  down: (layer: string) => string
  alpha?: (layer: string) => string
}

const flat = (layer: string) => layer.replaceAll('.', '_')
const processor = (layer: string, end: string) =>
  layer.replace(/\.(to_[a-z]+)(?:\.0)?$/, `.processor.$1_lora.${end}.weight`)
const layouts: Record<string, Layout> = {
  peft: {
    layers: all,
    up: (layer) => `unet.${layer}.lora_B.weight`,
    down: (layer) => `unet.${layer}.lora_A.weight`,
  },
  'older diffusers': {
    layers: all,
    up: (layer) => `unet.${layer}.lora.up.weight`,
    down: (layer) => `unet.${layer}.lora.down.weight`,
    alpha: (layer) => `unet.${layer}.alpha`,
  },
  'attention processors': {
    layers: attention,
    up: (layer) => `unet.${processor(layer, 'up')}`,
    down: (layer) => `unet.${processor(layer, 'down')}`,
  },
  'attention processors of the UNet alone': {
    layers: attention,
    up: (layer) => processor(layer, 'up'),
    down: (layer) => processor(layer, 'down'),
  },
  kohya: {
    layers: all,
    up: (layer) => `lora_unet_${flat(layer)}.lora_up.weight`,
    down: (layer) => `lora_unet_${flat(layer)}.lora_down.weight`,
    alpha: (layer) => `lora_unet_${flat(layer)}.alpha`,
  },
  'kohya, blocks counted through': {
    layers: all,
    up: (layer) => `lora_unet_${ldmName.get(layer)}.lora_up.weight`,
    down: (layer) => `lora_unet_${ldmName.get(layer)}.lora_down.weight`,
    alpha: (layer) => `lora_unet_${ldmName.get(layer)}.alpha`,
  },
}

for (const [name, layout] of Object.entries(layouts))
  test(`a file in the layout of ${name} gives what the sums written to a checkpoint give`, async (t) => {
    const folder = await scratch(t)
    const lora = writeLora(join(folder, 'lora.safetensors'), layout, {
      rank: 3,
      alpha: layout.alpha ? 1.5 : 3,
      seed: 1,
    })
    const expected = await predict(merged(folder, [{ lora, scale: 0.8 }]), [])
    const got = await predict(golden, [{ path: lora.path, scale: 0.8 }])
    close(got, expected)
    differ(got, await plain)
  })

test('several files add up, each with its own scale, rank and type; a scale of 0 changes nothing', async (t) => {
  const folder = await scratch(t)
  mkdirSync(join(folder, 'b'))
  const one = writeLora(join(folder, 'a.safetensors'), layouts.peft!, {
    rank: 2,
    alpha: 2,
    seed: 2,
    dtype: 'F16',
    matrices: true,
  })
  const two = writeLora(join(folder, 'b/b.safetensors'), layouts.kohya!, { rank: 4, alpha: 8, seed: 3, dtype: 'BF16' })
  const expected = await predict(
    merged(folder, [
      { lora: one, scale: 1 },
      { lora: two, scale: -0.5 },
    ]),
    [],
  )
  const [a, b] = [one.path, two.path].map((path, i) => ({ path, scale: i === 0 ? 1 : -0.5 }))
  close(await predict(golden, [a!, b!]), expected)
  assert.deepEqual(await predict(golden, [{ ...a!, scale: 0 }]), await plain)
})

test('the set-up that diffusers writes into the metadata decides where no alpha is stored', async (t) => {
  const folder = await scratch(t)
  const [layer] = attention[0]
  const settings = { 'unet.lora_alpha': 8, 'unet.r': 4, 'unet.use_rslora': true, 'unet.alpha_pattern': { to_q: 6 } }
  const path = join(folder, 'a.safetensors')
  const file = (metadata: string) =>
    writeSafetensors(
      path,
      { [layouts.peft!.up(layer)]: random([24, 4], 1), [layouts.peft!.down(layer)]: random([4, 24], 2) },
      { lora_adapter_metadata: metadata },
    )
  const factor = () =>
    [
      ...openLoras([{ path, scale: 2 }])[0]!
        .parts.get('unet')!
        .values(),
    ][0]!
  file(JSON.stringify(settings))
  assert.deepEqual([factor().factor, factor().strength], [3, 2])
  file(JSON.stringify({ ...settings, 'unet.use_rslora': false, 'unet.alpha_pattern': {} }))
  assert.equal(factor().factor, 2)
  for (const [text, problem] of [
    ['{', /lora_adapter_metadata.*no JSON/],
    ['{"unet.lora_alpha": "8"}', /alpha "8" is no number/],
    ['{"unet.alpha_pattern": {"(a+)+$": 1}}', /alpha_pattern "\(a\+\)\+\$"/],
  ] as const) {
    file(text)
    refuses(() => openLoras([{ path, scale: 1 }]), problem)
  }
})

test('text encoders have their own keys, and parts that are not open are reported', async (t) => {
  const path = join(await scratch(t), 'a.safetensors')
  const layer = 'text_model.encoder.layers.1.self_attn'
  const pair = (up: string, down: string) => ({ [up]: random([24, 2], 1), [down]: random([2, 24], 2) })
  const keys = (one: string) => pair(`${one}.lora_up.weight`, `${one}.lora_down.weight`)
  writeSafetensors(path, {
    ...keys(`lora_te_${flat(layer)}_q_proj`),
    ...pair(`text_encoder.${layer}.to_out_lora.up.weight`, `text_encoder.${layer}.to_out_lora.down.weight`),
    ...pair(
      `text_encoder.${layer}.v_proj.lora_linear_layer.up.weight`,
      `text_encoder.${layer}.v_proj.lora_linear_layer.down.weight`,
    ),
    ...keys(`lora_te2_${flat(layer)}_k_proj`),
  })
  const loras = openLoras([{ path, scale: 1 }])
  const { weights } = openWeights(join(pipeline, 'text_encoder'), 'model', loras, 'text_encoder')
  for (const name of ['q_proj', 'v_proj', 'out_proj', 'k_proj'])
    assert.equal(weights.lowRank(`${layer}.${name}.weight`).length, name === 'k_proj' ? 0 : 1, name)
  const second = [`lora_te2_${flat(layer)}_k_proj.lora_down.weight`, `lora_te2_${flat(layer)}_k_proj.lora_up.weight`]
  assert.deepEqual(unusedParts(loras, ['unet', 'text_encoder']), [{ path, part: 'text_encoder_2', keys: second }])
  assert.deepEqual(unusedParts(loras, ['unet', 'text_encoder', 'text_encoder_2']), [])
  writeSafetensors(path, keys('lora_te_text_model_embeddings_token_embedding'))
  refuses(
    () => openWeights(join(pipeline, 'text_encoder'), 'model', openLoras([{ path, scale: 1 }]), 'text_encoder'),
    /token_embedding\.lora_down\.weight': changes an embedding/,
  )
})

test('every key is used, or the file is refused by that key', async (t) => {
  const path = join(await scratch(t), 'a.safetensors')
  const layer = attention[0][0]
  const [up, down] = [layouts.peft!.up(layer), layouts.peft!.down(layer)]
  const good = { [up]: random([24, 2], 1), [down]: random([2, 24], 2) }
  const ldm = layouts['kohya, blocks counted through']!
  const alpha = (data: Float32Array) => ({ dtype: 'F32', shape: [data.length], data }) as const
  const cases: [Record<string, NewTensor>, RegExp][] = [
    [
      { ...good, 'unet.conv_in.hada_w1_a': random([2, 2], 1) },
      /'unet\.conv_in\.hada_w1_a': the layer lacks one of its factors/,
    ],
    [{ ...good, 'lora_unet_conv_in.dora_scale': random([2], 1) }, /the layer lacks one of its factors/],
    [{ ...good, 'unet.conv_in.lora_B.bias': random([2], 1) }, /bias/],
    [{ ...good, 'transformer.x.lora_A.weight': random([2, 2], 1) }, /no part of a pipeline/],
    [{ ...good, 'unet.conv_in.weight': random([2, 2], 1) }, /'unet\.conv_in\.weight': it is neither/],
    [{ [up]: good[up]! }, /lora_B\.weight': the layer lacks one of its factors/],
    [{ 'lora_unet_conv_in.alpha': alpha(Float32Array.of(1)) }, /conv_in\.alpha': the layer lacks/],
    [{ ...good, [layouts.kohya!.down(layer)]: good[down]! }, /weight': is the same tensor as '.*to_q/],
    [{ ...good, [layouts.kohya!.alpha!(layer)]: alpha(Float32Array.of(Number.NaN)) }, /alpha is no single finite/],
    [{ ...good, [layouts.kohya!.alpha!(layer)]: alpha(Float32Array.of(1, 2)) }, /alpha is no single finite/],
    [{ [up]: random([24, 3], 1), [down]: good[down]! }, /\[24,3\] · \[2,24\] does not make/],
    [{ [up]: random([24, 2, 3, 3], 1), [down]: good[down]! }, /does not make/],
    [{ [up]: random([24], 1), [down]: good[down]! }, /shape \[24\]; a factor has 2 to 4/],
    [{ [up]: random([24, 0], 1), [down]: random([0, 24], 1) }, /shape \[0,24\]/],
    [{ [up]: { dtype: 'I32', shape: [24, 2], data: new Int32Array(48) }, [down]: good[down]! }, /type I32/],
    [{ ...good, [ldm.up(layer)]: good[up]!, [ldm.down(layer)]: good[down]! }, /to_q\.weight' is changed twice/],
    [{}, /holds no tensors/],
    [{ [up]: good[up]!, [down]: random([2, 16], 1) }, /\[24,2\] · \[2,16\] does not make '.*to_q\.weight' \[24,24\]/],
    [{ [up]: good[up]!, [down]: random([2, 24, 3, 3], 1) }, /does not make/],
    [
      { 'unet.conv_in.lora_B.weight': random([16, 2], 1), 'unet.conv_in.lora_A.weight': random([2, 36], 1) },
      /make 'conv_in/,
    ],
    [
      { 'unet.up.lora_B.weight': good[up]!, 'unet.up.lora_A.weight': good[down]! },
      /'unet\.up\.lora_A\.weight': .*no such/,
    ],
  ]
  for (const [tensors, problem] of cases) {
    writeSafetensors(path, tensors)
    refuses(() => openWeights(golden, base, openLoras([{ path, scale: 1 }]), 'unet'), problem)
  }
  writeSafetensors(path, good)
  refuses(() => openLoras([{ path, scale: Number.NaN }]), /the scale NaN/)
})

/** Without any change. */
const plain = predict(golden, [])

/** The golden UNet's prediction for fixed inputs, from the weights in `folder`. */
async function predict(folder: string, loras: Parameters<typeof openLoras>[0]): Promise<Float32Array> {
  const config = readConfig(join(golden, 'config.json'), parseUNetConfig)
  const { weights, root } = openWeights(folder, base, openLoras(loras), 'unet')
  const inputs = {
    sample: input('sample', [1, 4, 8, 8]),
    timestep: input('timestep', [1]),
    context: input('context', [1, 5, 24]),
  }
  const session = await openSession({ out: unet(inputs, weights, config) }, { weights: root, threads: 1 })
  try {
    const { out } = await session.run({
      sample: { data: random([1, 4, 8, 8], 7).data, shape: [1, 4, 8, 8] },
      timestep: { data: Float32Array.of(501), shape: [1] },
      context: { data: random([1, 5, 24], 8).data, shape: [1, 5, 24] },
    })
    return out!.data as Float32Array
  } finally {
    await session.close()
  }
}

interface Written {
  path: string
  layout: Layout
  factor: number
}

interface WriteOptions {
  rank: number
  alpha: number
  seed: number
  dtype?: 'F32' | 'F16' | 'BF16'
  /** Factors of 1×1 convolutions as matrices. */
  matrices?: boolean
}

function writeLora(
  path: string,
  layout: Layout,
  { rank, alpha, seed, dtype = 'F32', matrices = false }: WriteOptions,
): Written {
  const tensors: Record<string, NewTensor> = {}
  const shapes = openCheckpoint(golden, base).tensors
  for (const [i, [layer]] of layout.layers.entries()) {
    const [out, ...rest] = shapes.get(`${layer}.weight`)!.shape as [number, ...number[]]
    const flattened = matrices && rest[1] === 1
    const ones = rest.length === 3 && !flattened ? [1, 1] : []
    tensors[layout.up(layer)] = { ...random([out, rank, ...ones], 100 * seed + 2 * i), dtype }
    tensors[layout.down(layer)] = {
      ...random([rank, ...(flattened ? rest.slice(0, 1) : rest)], 100 * seed + 2 * i + 1),
      dtype,
    }
    if (layout.alpha) tensors[layout.alpha(layer)] = { dtype: 'F32', shape: [], data: Float32Array.of(alpha) }
  }
  writeSafetensors(path, tensors)
  return { path, layout, factor: layout.alpha ? alpha / rank : 1 }
}

/** A checkpoint whose weights have the changes added by plain loops. */
function merged(folder: string, changes: readonly { lora: Written; scale: number }[]): string {
  const target = join(folder, 'merged')
  mkdirSync(target)
  const source = openCheckpoint(golden, base)
  const tensors: Record<string, NewTensor & { data: Float32Array }> = {}
  for (const [name, { shape }] of source.tensors) tensors[name] = { dtype: 'F32', shape, data: source.read(name) }
  for (const { lora, scale } of changes) {
    const file = openSafetensors(lora.path)
    for (const [layer] of lora.layout.layers) {
      const { data, shape } = tensors[`${layer}.weight`]!
      const [up, down] = [file.read(lora.layout.up(layer)), file.read(lora.layout.down(layer))]
      const rows = shape[0]!
      const columns = data.length / rows
      const rank = up.length / rows
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          let sum = 0
          for (let k = 0; k < rank; k++) sum += up[i * rank + k]! * down[k * columns + j]!
          data[i * columns + j]! += scale * lora.factor * sum
        }
    }
  }
  writeSafetensors(join(target, `${base}.safetensors`), tensors)
  return target
}

function random(shape: readonly number[], stream: number): NewTensor & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = gaussian({ seed: 1, story: 'lora', frame: '', stream }, size).map((value) => 0.2 * value)
  return { dtype: 'F32', shape, data }
}

function close(got: Float32Array, expected: Float32Array): void {
  assert.equal(got.length, expected.length)
  for (const [i, value] of got.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${value} ${expected[i]}`)
}

function differ(a: Float32Array, b: Float32Array): void {
  assert.ok(a.some((value, i) => Math.abs(value - b[i]!) > 0.05))
}

function refuses(open: () => unknown, problem: RegExp): void {
  assert.throws(open, (error) => error instanceof LoraError && problem.test(error.message) && error.path !== '')
}

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'lora-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}
