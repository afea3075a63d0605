import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, checkGradient, evaluate, randn } from '../../../../test/gradient.ts'
import { add } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import { constant, input, type Value } from '../graph/value.ts'
import { viewOf, type Weights } from '../nn/weights.ts'
import { type IdentitySlots, withIdentities } from './id-injector.ts'
import { type Adapter, withAdapters } from './ip-adapter.ts'
import { parseUNetConfig } from './unet-config.ts'

const config = parseUNetConfig({
  block_out_channels: [8],
  down_block_types: ['CrossAttnDownBlock2D'],
  up_block_types: ['UpBlock2D'],
  mid_block_type: 'UNetMidBlock2D',
  layers_per_block: 1,
  cross_attention_dim: 6,
  norm_num_groups: 4,
})
const layer = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.'
const [n, side, heads, tokens] = [2, 2, 2, 3]

function view(source: (name: string, shape: readonly number[]) => Value, prefix = ''): Weights {
  const all = viewOf({ has: () => true, get: source })
  return prefix
    .split('.')
    .filter(Boolean)
    .reduce((at, part) => at.at(part), all)
}

/** Weights that are the same wherever they are asked for. */
const adapterWeights = () =>
  view((name, shape) => constant(randn(shape, name.length + name.charCodeAt(name.length - 11)).data, shape))

const call = (q: Value) => ({
  weights: view(() => q, layer),
  ...{ q, k: q, v: q, heads },
  grid: input('grid', [n, 8, side, side]),
})
const nothing = ({ q }: { q: Value }) => add(q, constant(new Float32Array(n * side * side * 8).fill(0), q.shape))

function slots(rows: number[], references: number[][], masks: number[]): IdentitySlots {
  const [p, each] = [rows.length, references[0]!.length]
  const oneHot = (at: number[], size: number) =>
    Float32Array.from(at.flatMap((one) => Array.from({ length: size }, (_, i) => Number(i === one))))
  const tokenBias = references.flatMap((own) => own.flatMap((r) => Array(tokens).fill(r < 0 ? -1e4 : 0)))
  return {
    rows: constant(oneHot(rows, n), [p, n]),
    references: constant(oneHot(references.flat(), 2), [p * each, 2]),
    tokenBias: constant(Float32Array.from(tokenBias), [p, 1, 1, each * tokens]),
    masks: () => constant(Float32Array.from(masks), [p, side * side, 1]),
  }
}

test('one reference everywhere in every frame is what an IP-Adapter does with it', async () => {
  const [q, identity] = [randn([n, side * side, 8], 1), randn([2, tokens, 6], 2)]
  const [qv, tv] = [input('q', q.shape), input('t', identity.shape)]
  const everywhere = slots([0, 1], [[0], [1]], Array(2 * side * side).fill(1))
  const own = withIdentities(tv, everywhere, adapterWeights(), config, nothing)(call(qv))
  const adapter: Adapter = {
    weights: adapterWeights(),
    tokens: input('i', [n, 1, tokens, 6]),
    scale: constant(Float32Array.of(1)),
  }
  const theirs = withAdapters([adapter], config, nothing)(call(qv))
  const got = await evaluate({ own, theirs }, { q, t: identity, i: { ...identity, shape: [n, 1, tokens, 6] } })
  assertClose(got.own!.data, got.theirs!.data, 1e-5)
  assert.ok(got.own!.data.some((value, i) => Math.abs(value - q.data[i]!) > 0.01))
})

test('an identity reaches the pixels of its mask alone, and absent references count for nothing', async () => {
  const [q, identity] = [randn([n, side * side, 8], 1), randn([2, tokens, 6], 2)]
  const [qv, tv] = [input('q', q.shape), input('t', identity.shape)]
  const hook = (where: IdentitySlots) => withIdentities(tv, where, adapterWeights(), config, nothing)(call(qv))
  const half = [1, 0, 0, 0.5]
  const got = await evaluate(
    {
      one: hook(
        slots(
          [1, -1],
          [
            [1, -1],
            [0, 0],
          ],
          [...half, 1, 1, 1, 1],
        ),
      ),
      alone: hook(slots([1], [[1]], [1, 1, 1, 1])),
    },
    { q, t: identity },
  )
  for (let i = 0; i < q.data.length; i++) {
    const pixel = Math.floor(i / 8)
    const added = got.alone!.data[i]! - q.data[i]!
    const share = pixel < 4 ? 0 : half[pixel - 4]!
    assertClose([got.one!.data[i]!], [q.data[i]! + share * added], 1e-5)
  }
})

test('gradients reach queries and identity tokens', () => {
  const where = slots(
    [1, 0, 1],
    [
      [0, 1],
      [1, -1],
      [0, -1],
    ],
    [1, 0, 0.5, 0, 1, 1, 1, 1, 0, 1, 0, 0.2],
  )
  return checkGradient(
    (q, t) => withIdentities(t, where, adapterWeights(), config, ({ q: x }) => attention(x, x, x, heads))(call(q)),
    [
      [n, side * side, 8],
      [2, tokens, 6],
    ],
  )
})
