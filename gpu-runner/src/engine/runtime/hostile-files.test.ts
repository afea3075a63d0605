/**
 * Files that went wrong, or were made to: sound ones with seeded faults. Each opens and runs, or is refused by an error
 * that was made for it; never a TypeError or RangeError out of the blue, a crash, or gigabytes asked for.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Random, random } from '../../lab/storydb/random.ts'
import { createSchedule, readSchedulerConfig, ScheduleError } from '../diffusion/schedulers/index.ts'
import { encodeModel } from '../graph/onnx.ts'
import { input, type Value } from '../graph/value.ts'
import { ConfigError, readConfig } from '../io/config.ts'
import { openCheckpoint, openSafetensors, SafetensorsError, writeSafetensors } from '../io/safetensors.ts'
import { openTokenizer, TokenizerError } from '../io/tokenizer.ts'
import { AutoencoderConfig, decode, encode, posterior } from '../models/autoencoder-kl.ts'
import { ClipTextConfig, clipText, pooledText } from '../models/clip-text.ts'
import { ClipVisionConfig, clipVision } from '../models/clip-vision.ts'
import { unet } from '../models/unet.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import { linear } from '../nn/layers.ts'
import { WeightError } from '../nn/weights.ts'
import { assertFinite, BrokenWeights, NotFiniteError } from './finite.ts'
import { LoraError, openLoras } from './lora.ts'
import { openWeights } from './model-weights.ts'
import { openModel, openSession, SessionError } from './session.ts'
import type { HostTensor } from './tensor.ts'

const golden = join(import.meta.dirname, '../../../../test/golden')
const pipeline = join(golden, 'e2e-sd15-tiny/pipeline')
const typed = [
  ...[SafetensorsError, WeightError, ConfigError, TokenizerError, LoraError],
  ...[ScheduleError, SessionError, NotFiniteError, BrokenWeights],
]

test('safetensors: bytes and entries of the header changed, files cut and grown', async (t) => {
  const folder = await scratch(t)
  const sound = soundFile(folder)
  const headerEnd = 8 + Number(sound.readBigUInt64LE())
  const faults: Record<string, (r: Random) => Buffer> = {
    'a byte of the length': (r) => withByte(sound, Math.floor(r.next() * 8), r),
    'a byte of the header': (r) => withByte(sound, 8 + Math.floor(r.next() * (headerEnd - 8)), r),
    'a byte of the data': (r) => withByte(sound, headerEnd + Math.floor(r.next() * (sound.length - headerEnd)), r),
    'cut off': (r) => sound.subarray(0, Math.floor(r.next() * sound.length)),
    grown: (r) => Buffer.concat([sound, Buffer.alloc(1 + Math.floor(r.next() * 9))]),
    'a value of the header': (r) => withHeader(sound, changed(headerOf(sound), r)),
    'numbers of an entry': (r) => withHeader(sound, renumbered(headerOf(sound), r)),
  }
  const outcomes = await survives(faults, 60, async (bytes, round) => {
    writeFileSync(join(folder, 'model.safetensors'), bytes)
    const file = openCheckpoint(folder, 'model')
    for (const [name, { offset, length }] of file.tensors) {
      assert.ok(offset >= 8 && offset + length <= bytes.length, `${name} is not within the file`)
      file.read(name)
    }
    const { weights, root, checkpoints } = openWeights(folder, 'model')
    const y = linear(input('x', ['rows', 3]), weights, 4)
    if (round % 8 > 0) return
    const session = await openSession({ y }, { weights: root, threads: 1 })
    try {
      const out = await session.run({ x: { data: Float32Array.of(1, 2, 3), shape: [1, 3] } })
      assertFinite(out.y!.data as Float32Array, { part: 'linear' }, checkpoints)
    } finally {
      await session.close()
    }
  })
  assert.ok(outcomes.opened > 25 && outcomes.refused > 200, JSON.stringify(outcomes))
})

test('an index of shards: names, places and types of its entries changed', async (t) => {
  const folder = await scratch(t)
  soundFile(folder)
  const shard = 'm-00001-of-00001.safetensors'
  cpSync(join(folder, 'model.safetensors'), join(folder, shard))
  mkdirSync(join(folder, 'below'))
  const sound = { metadata: { total_size: 64 }, weight_map: { weight: shard, bias: shard } }
  const faults: Record<string, (r: Random) => string | Buffer> = {
    'a value': (r: Random) => JSON.stringify(changed(sound, r)),
    'a file name': (r: Random) => {
      const file = r.pick([
        '',
        '.',
        '..',
        '../x.safetensors',
        'below',
        '/etc/passwd',
        'a\0.safetensors',
        `${'a'.repeat(300)}.safetensors`,
      ])
      return JSON.stringify({ ...sound, weight_map: { weight: shard, bias: file } })
    },
    'a byte': (r: Random) => withByte(Buffer.from(JSON.stringify(sound)), Math.floor(r.next() * 90), r),
  }
  await survives(faults, 60, async (bytes) => {
    writeFileSync(join(folder, 'm.safetensors.index.json'), bytes)
    linear(input('x', ['rows', 3]), openWeights(folder, 'm').weights, 4)
  })
})

test('configurations: each value of each model replaced by another', async (t) => {
  const folder = await scratch(t)
  const path = join(folder, 'config.json')
  const planes = (c: { inChannels: number }) => input('x', ['batch', c.inChannels, 8, 8])
  const floats = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(0.1), shape })
  /** A configuration that came out as one before makes the graph it made before. */
  const seen = new Set<string>()
  const isNew = (config: object) => seen.size < seen.add(JSON.stringify(config)).size
  const models: Record<string, { folder: string; build: () => Built | undefined }> = {
    unet: {
      folder: join(golden, 'unet-eps-probe'),
      build() {
        const config = readConfig(path, parseUNetConfig)
        if (!isNew(config)) return undefined
        const { weights, root } = openWeights(this.folder, 'diffusion_pytorch_model')
        const context = input('context', ['batch', 3, config.contextWidth])
        const more = { textEmbeds: input('textEmbeds', ['batch', 8]), timeIds: input('timeIds', ['batch', 6]) }
        const y = unet(
          { sample: planes(config), timestep: input('timestep', ['batch']), context, ...more },
          weights,
          config,
        )
        return { y, root, feeds: { x: floats(1, 4, 8, 8), timestep: floats(1), context: floats(1, 3, 12) } }
      },
    },
    vae: {
      folder: join(golden, 'vae-legacy-names'),
      build() {
        const config = readConfig(path, AutoencoderConfig.parse)
        if (!isNew(config)) return undefined
        const { weights, root } = openWeights(this.folder, 'diffusion_pytorch_model')
        const { mean } = posterior(encode(planes(config), weights, config), config)
        return { y: decode(mean, weights, config), root, feeds: { x: floats(1, 3, 8, 8) } }
      },
    },
    text: {
      folder: join(golden, 'clip-text-eps-probe'),
      build() {
        const config = readConfig(path, ClipTextConfig.parse)
        if (!isNew(config)) return undefined
        const { weights, root } = openWeights(this.folder, 'model')
        const ids = input('ids', ['batch', 9], 'int64')
        const y = pooledText(ids, clipText(ids, weights, config).last, config)
        return { y, root, feeds: { ids: { data: new BigInt64Array(9), shape: [1, 9] } } }
      },
    },
    vision: {
      folder: join(golden, 'clip-vision-quick-tiny'),
      build() {
        const config = readConfig(path, ClipVisionConfig.parse)
        if (!isNew(config)) return undefined
        const { weights, root } = openWeights(this.folder, 'model')
        const pixels = input('x', ['batch', config.channels, config.imageSize, config.imageSize])
        return { y: clipVision(pixels, weights, config).imageEmbeds, root, feeds: { x: floats(1, 3, 28, 28) } }
      },
    },
  }
  for (const model of Object.values(models)) {
    const sound = JSON.parse(readFileSync(join(model.folder, 'config.json'), 'utf8'))
    // Every key with every value once, rather than some by chance: what goes wrong goes wrong with one such pair.
    const keys = [...Object.keys(sound), 'num_attention_heads', 'addition_embed_type', 'addition_time_embed_dim']
    const pairs = keys.flatMap((key) => [...strange, 'text_time'].map((value) => ({ ...sound, [key]: value })))
    let next = 0
    const faults: Record<string, (r: Random) => string | Buffer> = {
      'a value': () => JSON.stringify(pairs[next++]),
      'values and bytes': (r) => {
        const bytes = Buffer.from(JSON.stringify(changed(changed(sound, r), r)))
        return r.chance(0.5) ? bytes : withByte(bytes, Math.floor(r.next() * bytes.length), r)
      },
    }
    let built = 0
    await survives(faults, pairs.length, async (bytes) => {
      writeFileSync(path, bytes)
      const made = model.build()
      if (!made) return
      const onnx = encodeModel({ y: made.y })
      if (built++ % 40 > 0) return
      const session = await openModel(onnx, { weights: made.root, threads: 1 })
      await session.run(made.feeds).finally(() => session.close())
    })
    assert.ok(built > 5, `only ${built} opened`)
  }
})

test('tokenizers, schedulers and LoRA files with a fault open, or say what is wrong', async (t) => {
  const folder = await scratch(t)
  cpSync(join(golden, 'clip-tokenizer-small'), folder, { recursive: true })
  for (const file of ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json']) {
    const sound = readFileSync(join(folder, file))
    const faults = {
      'a byte': (r: Random) => withByte(sound, Math.floor(r.next() * sound.length), r),
      'cut off': (r: Random) => sound.subarray(0, Math.floor(r.next() * sound.length)),
    }
    await survives(faults, 6, async (bytes) => {
      writeFileSync(join(folder, file), bytes)
      const { encode, padded, modelMaxLength } = openTokenizer(folder)
      const ids = encode('a red fox, in the snow'.repeat(9))
      assert.equal(padded(ids, modelMaxLength).length, modelMaxLength)
    })
    writeFileSync(join(folder, file), sound)
  }

  const scheduler = readSchedulerConfig(join(pipeline, 'scheduler'))
  const classes = [
    'DDIM',
    'PNDM',
    'EulerDiscrete',
    'DPMSolverMultistep',
    'UniPCMultistep',
    'LCM',
    'FlowMatchEulerDiscrete',
  ]
  await survives(
    { 'a value': (r) => ({ config: changed(scheduler, r), name: r.pick(classes) }) },
    100,
    async (fault) => {
      writeFileSync(join(folder, 'scheduler_config.json'), JSON.stringify(fault.config))
      createSchedule(readSchedulerConfig(folder), { steps: 4, className: `${fault.name}Scheduler` })
    },
  )

  const path = join(folder, 'lora.safetensors')
  const ones = (...shape: number[]) =>
    ({ dtype: 'F32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }) as const
  const layer = 'lora_unet_down_blocks_0_attentions_0_proj_in'
  writeSafetensors(path, {
    [`${layer}.lora_up.weight`]: ones(8, 2, 1, 1),
    [`${layer}.lora_down.weight`]: ones(2, 8, 1, 1),
    [`${layer}.alpha`]: ones(),
  })
  const lora = readFileSync(path)
  const faults = {
    'a byte of the header': (r: Random) =>
      withByte(lora, 8 + Math.floor(r.next() * (Number(lora.readBigUInt64LE()) - 8)), r),
    'numbers of an entry': (r: Random) => withHeader(lora, renumbered(headerOf(lora), r)),
  }
  await survives(faults, 150, async (bytes) => {
    writeFileSync(path, bytes)
    openWeights(join(golden, 'unet-eps-probe'), 'diffusion_pytorch_model', openLoras([{ path, scale: 1 }]), 'unet')
    openSafetensors(path)
  })
})

/** `rounds` files with each fault: how many opened, and how many were refused as they should be. */
async function survives<T>(
  faults: Record<string, (r: Random) => T>,
  rounds: number,
  open: (faulty: T, round: number) => Promise<void>,
): Promise<{ opened: number; refused: number }> {
  const outcomes = { opened: 0, refused: 0 }
  for (const [kind, [name, fault]] of Object.entries(faults).entries())
    for (let round = 0; round < rounds; round++) {
      const faulty = fault(random(kind, round))
      try {
        await open(faulty, round)
        outcomes.opened++
      } catch (error) {
        outcomes.refused++
        const known = typed.some((type) => error instanceof type)
        const shown = Buffer.isBuffer(faulty) ? faulty.toString('latin1') : JSON.stringify(faulty)
        if (!known) throw new Error(`${name}, round ${round}: ${shown.slice(0, 1500)}`, { cause: error })
        assert.ok((error as Error).message.length < 2000, 'the message is as long as the file')
      }
    }
  return outcomes
}

interface Built {
  y: Value
  root: string
  feeds: Record<string, HostTensor>
}

/** Values that no field wants, or too many do. */
const strange = [
  ...[
    0,
    -1,
    1,
    2,
    3,
    7,
    0.5,
    1e-300,
    1e300,
    2 ** 31,
    2 ** 53,
    -(2 ** 53),
    true,
    false,
    null,
    '',
    'x',
    '8',
    '__proto__',
  ],
  ...[[], {}, [0], [-1], [1, 2, 3], [[[[[[[1]]]]]]], { a: { b: 1 } }, 'a'.repeat(5000), new Array(5000).fill(8)],
]

/** `json` with one value somewhere in it replaced, left out or added. */
function changed<T>(json: T, r: Random): T {
  const copy = structuredClone(json)
  let at = copy as Record<string, unknown>
  for (;;) {
    const key = r.pick(Object.keys(at).length > 0 ? Object.keys(at) : ['x'])
    const inner = at[key]
    if (typeof inner === 'object' && inner !== null && r.chance(0.6)) at = inner as Record<string, unknown>
    else if (r.chance(0.1)) {
      delete at[key]
      return copy
    } else {
      at[r.chance(0.9) ? key : r.pick(['x', '__metadata__', 'weight_map', 'constructor'])] = r.pick(strange)
      return copy
    }
  }
}

/** A header in which one number of one tensor's shape or range is another. */
function renumbered(header: Record<string, Record<string, unknown>>, r: Random): object {
  const copy = structuredClone(header)
  const entry = copy[r.pick(Object.keys(copy).filter((key) => key !== '__metadata__'))]!
  const list = entry[r.pick(['shape', 'data_offsets'])] as number[]
  const near = [0, 1, 2, 3, 4, 12, 16, 48, 64, 1000, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53 - 1, -4]
  if (r.chance(0.2)) list.push(r.pick(near))
  else list[Math.floor(r.next() * list.length)] = r.pick(near)
  return copy
}

const headerOf = (file: Buffer) => JSON.parse(file.toString('utf8', 8, 8 + Number(file.readBigUInt64LE())))

function withHeader(file: Buffer, header: object): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, file.subarray(8 + Number(file.readBigUInt64LE()))])
}

function withByte(file: Buffer, at: number, r: Random): Buffer {
  const copy = Buffer.from(file)
  copy[Math.min(at, copy.length - 1)] = r.chance(0.5)
    ? Math.floor(r.next() * 256)
    : r.pick([...'0123456789"{}[],:-eE.\\ ']).charCodeAt(0)
  return copy
}

/** `model.safetensors` of a linear layer in two types, and what does not belong to it. */
function soundFile(folder: string): Buffer {
  const path = join(folder, 'model.safetensors')
  const data = Float32Array.from({ length: 12 }, (_, i) => i - 6)
  const tensors = {
    weight: { dtype: 'F32', shape: [4, 3], data },
    bias: { dtype: 'F16', shape: [4], data: data.subarray(0, 4) },
    ids: { dtype: 'I64', shape: [1], data: BigInt64Array.of(5n) },
  } as const
  writeSafetensors(path, tensors, { format: 'pt' })
  return readFileSync(path)
}

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hostile-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}
