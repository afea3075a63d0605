/** Relatives of LoRA against sums over indices, written out as their papers and LyCORIS have them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { random } from '../../lab/storydb/random.ts'
import { gaussian } from '../diffusion/noise.ts'
import { type NewTensor, SafetensorsError, writeSafetensors } from '../io/safetensors.ts'
import { WeightError } from '../nn/weights.ts'
import { LoraError, openLoras } from './lora.ts'
import { openWeights } from './model-weights.ts'
import { openSession } from './session.ts'

const folder = mkdtempSync(join(tmpdir(), 'lora-kinds-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'lora.safetensors')

/** Values of a tensor by its name, the same in every test. */
const values = (name: string, ...shape: number[]) => {
  const data = gaussian(
    { seed: 1, story: '', frame: name, stream: 0 },
    shape.reduce((a, b) => a * b, 1),
  )
  return { dtype: 'F32', shape, data } as const
}
type Tensor = ReturnType<typeof values>

const kernel = 'down_blocks.0.resnets.0.conv1'
const matrix = 'mid_block.attentions.0.proj_in'
const base = { [`${kernel}.weight`]: values('k', 6, 4, 3, 3), [`${kernel}.bias`]: values('kb', 6) }
writeSafetensors(join(folder, 'model.safetensors'), { ...base, [`${matrix}.weight`]: values('m', 6, 4) })

/** The weight as the layer reads it, with the file's change at a scale. */
async function changed(
  layer: string,
  name: string,
  tensors: Record<string, NewTensor>,
  scale = 1,
): Promise<Float32Array> {
  writeSafetensors(file, Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [`${layer}${key}`, tensor])))
  const { weights, root } = openWeights(folder, 'model', openLoras([{ path: file, scale }]))
  const shape = name.startsWith(kernel) ? (name.endsWith('bias') ? [6] : [6, 4, 3, 3]) : [6, 4]
  const session = await openSession({ w: weights.get(name, shape) }, { weights: root, threads: 1 })
  const { w } = await session.run({})
  await session.close()
  return w!.data as Float32Array
}

/** W + scale · ΔW, with ΔW[o,i,k] by a function; `size` of O, I and k·k. */
function summed(weight: Tensor, delta: (o: number, i: number, k: number) => number, scale = 1): Float32Array {
  const [, inputs, cells] = [weight.shape[0]!, weight.shape[1]!, weight.shape.slice(2).reduce((a, b) => a * b, 1)]
  return weight.data.map((value, at) => {
    const [o, i, k] = [Math.floor(at / (inputs * cells)), Math.floor(at / cells) % inputs, at % cells]
    return value + scale * delta(o, i, k)
  })
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const total = (n: number, term: (i: number) => number) => range(n).reduce((sum, i) => sum + term(i), 0)
/** An element of a tensor seen as [rows, columns]. */
const at = ({ shape, data }: Tensor, row: number, column: number) =>
  data[row * shape.slice(1).reduce((a, b) => a * b, 1) + column]!

function close(got: Float32Array, want: Float32Array): void {
  assert.equal(got.length, want.length)
  const error = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0)
  assert.ok(error < 1e-4, `differs by ${error}`)
}

const alpha: NewTensor = { dtype: 'F32', shape: [], data: Float32Array.of(1.5) }
const [k, m] = [base[`${kernel}.weight`] as Tensor, values('m', 6, 4)]

test('LoHa: the elementwise product of two products, as a matrix and with cores', async () => {
  const [a, b, c, d] = [values('a', 6, 2), values('b', 2, 4), values('c', 6, 2), values('d', 2, 4)]
  const product = (x: Tensor, y: Tensor, o: number, i: number) => total(2, (r) => at(x, o, r) * at(y, r, i))
  const file = { '.hada_w1_a': a, '.hada_w1_b': b, '.hada_w2_a': c, '.hada_w2_b': d, '.alpha': alpha }
  const expected = summed(m, (o, i) => product(a, b, o, i) * product(c, d, o, i), 0.75 * 0.8)
  close(await changed(`lora_unet_${matrix.replaceAll('.', '_')}`, `${matrix}.weight`, file, 0.8), expected)

  const [t1, t2] = [values('t1', 2, 2, 3, 3), values('t2', 2, 2, 3, 3)]
  const [w1a, w2a] = [values('w1a', 2, 6), values('w2a', 2, 6)]
  const cp = (t: Tensor, x: Tensor, y: Tensor, o: number, i: number, q: number) =>
    total(2, (r) => total(2, (s) => t.data[(r * 2 + s) * 9 + q]! * at(x, r, o) * at(y, s, i)))
  const cores = {
    '.hada_w1_a': w1a,
    '.hada_w1_b': b,
    '.hada_w2_a': w2a,
    '.hada_w2_b': d,
    '.hada_t1': t1,
    '.hada_t2': t2,
  }
  close(
    await changed(`diffusion_model.input_blocks.1.0.in_layers.2`, `${kernel}.weight`, cores),
    summed(k, (o, i, q) => cp(t1, w1a, b, o, i, q) * cp(t2, w2a, d, o, i, q)),
  )
})

test('LoKr: the Kronecker product, of whole factors, of products and with a core', async () => {
  const [w1, w2] = [values('w1', 3, 2), values('w2', 2, 2, 3, 3)]
  const element = (o: number, i: number, q: number) =>
    at(w1, Math.floor(o / 2), Math.floor(i / 2)) * w2.data[((o % 2) * 2 + (i % 2)) * 9 + q]!
  // Without a rank alpha counts for nothing.
  const whole = { '.lokr_w1': w1, '.lokr_w2': w2, '.alpha': alpha }
  close(await changed(`lycoris_unet_${kernel.replaceAll('.', '_')}`, `${kernel}.weight`, whole), summed(k, element))

  const [a, b] = [values('la', 2, 2), values('lb', 2, 2)]
  const low = (o: number, i: number) => total(2, (r) => at(a, o, r) * at(b, r, i))
  close(
    await changed(`unet.${matrix}`, `${matrix}.weight`, {
      '.lokr_w1': w1,
      '.lokr_w2_a': a,
      '.lokr_w2_b': b,
      '.alpha': alpha,
    }),
    summed(m, (o, i) => at(w1, Math.floor(o / 2), Math.floor(i / 2)) * low(o % 2, i % 2), 0.75),
  )
  const core = values('lt', 2, 2, 3, 3)
  const cp = (o: number, i: number, q: number) =>
    total(2, (r) => total(2, (s) => core.data[(r * 2 + s) * 9 + q]! * at(a, r, o) * at(b, s, i)))
  close(
    await changed(kernel, `${kernel}.weight`, { '.lokr_w1': w1, '.lokr_w2_a': a, '.lokr_w2_b': b, '.lokr_t2': core }),
    summed(k, (o, i, q) => at(w1, Math.floor(o / 2), Math.floor(i / 2)) * cp(o % 2, i % 2, q)),
  )
})

test('LoCon with a middle factor, GLoRA, and full differences of weight and bias', async () => {
  const [up, mid, down] = [values('up', 6, 2, 1, 1), values('mid', 2, 3, 3, 3), values('down', 3, 4, 1, 1)]
  close(
    await changed(`unet.base_model.model.${kernel}`, `${kernel}.weight`, {
      ...{ '.lora_up.weight': up, '.lora_mid.weight': mid, '.lora_down.weight': down },
    }),
    summed(k, (o, i, q) =>
      total(2, (r) => total(3, (s) => at(up, o, r) * mid.data[(r * 3 + s) * 9 + q]! * at(down, s, i))),
    ),
  )
  const [a1, a2, b1, b2] = [values('a1', 4, 2), values('a2', 2, 4), values('b1', 6, 2), values('b2', 2, 4)]
  close(
    await changed(matrix, `${matrix}.weight`, {
      ...{ '.a1.weight': a1, '.a2.weight': a2, '.b1.weight': b1, '.b2.weight': b2, '.alpha': alpha },
    }),
    summed(
      m,
      (o, i) =>
        total(4, (x) => at(m, o, x) * total(2, (r) => at(a1, x, r) * at(a2, r, i))) +
        total(2, (r) => at(b1, o, r) * at(b2, r, i)),
      0.75,
    ),
  )
  const [diff, bias] = [values('diff', 6, 4, 3, 3), values('diff_b', 6)]
  const both = { '.diff': diff, '.diff_b': bias }
  close(
    await changed(kernel, `${kernel}.weight`, both, 0.5),
    summed(k, (o, i, q) => at(diff, o, i * 9 + q), 0.5),
  )
  const wanted = (base[`${kernel}.bias`] as Tensor).data.map((value, i) => value + 0.5 * bias.data[i]!)
  close(await changed(kernel, `${kernel}.bias`, both, 0.5), wanted)
})

test('DoRA: the sum brought to the length that was trained, by what goes out or in; a scale goes part of the way', async () => {
  const [up, down] = [values('up2', 6, 2), values('down2', 2, 4)]
  const sum = summed(m, (o, i) => total(2, (r) => at(up, o, r) * at(down, r, i)))
  const [byRow, byColumn] = [values('mag6', 6, 1), values('mag4', 1, 4)]
  const norm = (terms: number[]) => Math.sqrt(terms.reduce((s, x) => s + x * x, 0))
  const rows = sum.map(
    (x, p) => (x * byRow.data[Math.floor(p / 4)]!) / norm([...sum.slice(p - (p % 4), p - (p % 4) + 4)]),
  )
  const columns = sum.map((x, p) => (x * byColumn.data[p % 4]!) / norm(range(6).map((o) => sum[o * 4 + (p % 4)]!)))
  const pair = { '.lora_A.weight': down, '.lora_B.weight': up }
  const part = (whole: Float32Array) => whole.map((x, p) => m.data[p]! + 0.5 * (x - m.data[p]!))
  close(await changed(`unet.${matrix}`, `${matrix}.weight`, { ...pair, '.dora_scale': byColumn }), columns)
  close(await changed(`unet.${matrix}`, `${matrix}.weight`, { ...pair, '.dora_scale': byColumn }, 0.5), part(columns))
  const vector: NewTensor = { ...byRow, shape: [6] }
  close(await changed(`unet.${matrix}`, `${matrix}.weight`, { ...pair, '.lora_magnitude_vector': vector }), rows)
  close(await changed(`unet.${matrix}`, `${matrix}.weight`, { ...pair, '.dora_scale': byRow }, 0.5), part(rows))
})

test('factors that do not make the weight are refused by their key, however the header was spoiled', async () => {
  const layer = `lora_unet_${matrix.replaceAll('.', '_')}`
  const wrong = { '.hada_w1_a': values('a', 6, 2), '.hada_w1_b': values('b', 2, 4), '.hada_w2_a': values('c', 6, 2) }
  await assert.rejects(changed(layer, `${matrix}.weight`, wrong), /the layer lacks one of its factors/)
  const short = { ...wrong, '.hada_w2_b': values('d', 2, 3) }
  await assert.rejects(
    changed(layer, `${matrix}.weight`, short),
    /does not make 'mid_block\.attentions\.0\.proj_in\.weight' \[6,4\]/,
  )

  const kinds: Record<string, NewTensor>[] = [
    { ...wrong, '.hada_w2_b': values('d', 2, 4), '.alpha': alpha },
    { '.lokr_w1': values('w1', 3, 2), '.lokr_w2_a': values('la', 2, 2), '.lokr_w2_b': values('lb', 2, 2) },
    {
      '.a1.weight': values('a1', 4, 2),
      '.a2.weight': values('a2', 2, 4),
      '.b1.weight': values('b1', 6, 2),
      '.b2.weight': values('b2', 2, 4),
    },
    {
      '.lora_up.weight': values('up', 6, 2, 1, 1),
      '.lora_mid.weight': values('mid', 2, 3, 1, 1),
      '.lora_down.weight': values('down', 3, 4, 1, 1),
    },
    {
      '.lora_up.weight': values('up', 6, 2),
      '.lora_down.weight': values('down', 2, 4),
      '.dora_scale': values('mag4', 1, 4),
    },
  ]
  const outcomes = { opened: 0, refused: 0 }
  for (const [kind, tensors] of kinds.entries()) {
    const name = matrix
    writeSafetensors(
      file,
      Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [`${layer}${key}`, tensor])),
    )
    const sound = readFileSync(file)
    const end = 8 + Number(sound.readBigUInt64LE())
    for (let round = 0; round < 60; round++) {
      const r = random(kind + 20, round)
      const header = JSON.parse(sound.toString('utf8', 8, end)) as Record<string, { shape: number[] }>
      const key = r.pick(Object.keys(header))
      if (round % 3 === 0) header[key]!.shape = header[key]!.shape.toReversed()
      else if (round % 3 === 1) header[key]!.shape = [...header[key]!.shape, 1]
      else delete header[key]
      const json = Buffer.from(JSON.stringify(header))
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(json.length))
      writeFileSync(
        file,
        round % 10 === 9 ? sound.subarray(0, end + 5) : Buffer.concat([length, json, sound.subarray(end)]),
      )
      try {
        openWeights(folder, 'model', openLoras([{ path: file, scale: 1 }])).weights.get(`${name}.weight`, [6, 4])
        outcomes.opened++
      } catch (error) {
        outcomes.refused++
        const isKnown = [LoraError, SafetensorsError, WeightError].some((type) => error instanceof type)
        if (!isKnown) throw new Error(`kind ${kind}, round ${round}, ${key}`, { cause: error })
      }
    }
  }
  assert.ok(outcomes.opened > 20 && outcomes.refused > 100, JSON.stringify(outcomes))
})
