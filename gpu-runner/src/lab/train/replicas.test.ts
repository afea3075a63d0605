import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { randn } from '../../../../test/gradient.ts'
import { mul } from '../../engine/graph/arithmetic.ts'
import { sum, total } from '../../engine/graph/reduce.ts'
import { reshape } from '../../engine/graph/shape.ts'
import { input } from '../../engine/graph/value.ts'
import { encodeFor } from '../../engine/runtime/session.ts'
import { adamRates, adamState, addInto, clipped, sumOfSquares, updateShare } from './adamw.ts'
import { allocate, ParameterSet, sharesOf } from './parameters.ts'
import { type Feeds, gradientName, openReplicas } from './replicas.ts'
import { Trainer } from './trainer.ts'

const shapes = { a: [5, 7], b: [7], c: [11, 3] }

/** A loss whose gradient is what is fed: Σ p·x over all parameters p, each with an x of its own. */
function threeParameters() {
  const set = new ParameterSet()
  const parts = Object.entries(shapes).map(([name, shape]) => {
    const part = mul(set.weights('').get(name, shape, 'fan-in'), input(`x ${name}`, shape))
    return reshape(sum(part), [1])
  })
  return { set, loss: total(parts) }
}

const gradientAt = (step: number, piece: number): Feeds =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [`x ${name}`, randn(shape, 10 * step + piece + name.charCodeAt(0))]),
  )

async function open(t: TestContext, pieces: number, threads: number) {
  const { set } = threeParameters()
  const data = allocate(set.list())
  data.flat.set(randn([data.flat.length]).data)
  const state = adamState(data)
  const gradients = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [gradientName(name), mul(input(`x ${name}`, shape), one)]),
  )
  const model = await encodeFor(gradients, 'cpu')
  const buffers = { p: data.flat, ...state }
  const replicas = await openReplicas({ model, device: 'cpu', pieces, threads, threadsOfRun: 1, data, buffers })
  t.after(() => replicas.close())
  return { replicas, data, state }
}
const one = input('one', [1])
const fed = (feeds: Feeds): Feeds => ({ ...feeds, one: { data: Float32Array.of(1), shape: [1] } })

for (const threads of [2, 3])
  test(`two pieces on ${threads} threads move the parameters by the mean of their gradients, to the bit`, async (t) => {
    const { replicas, data, state } = await open(t, 2, threads)
    const [p, own] = [data.flat.slice(), adamState(data)]
    for (let step = 0; step < 4; step++) {
      const pieces = [gradientAt(step, 0), gradientAt(step, 1)]
      const rates = adamRates(step, 0.1)
      const reports = await replicas.step(pieces.map(fed), rates)
      const sums = sharesOf(data).map(({ name }) => {
        const [first, second] = pieces.map((feeds) => feeds[`x ${name}`]!.data as Float32Array)
        addInto(first!, second!)
        return first!
      })
      const norm = Math.sqrt(sums.map(sumOfSquares).reduce((a, b) => a + b, 0)) / 2
      for (const [i, share] of sharesOf(data).entries())
        updateShare({ p, ...own }, share, sums[i]!, clipped(rates, norm, 2))
      assert.deepEqual(
        reports.map((report) => report.norm),
        [norm, norm],
      )
    }
    assert.deepEqual(Float32Array.from(data.flat), p)
    for (const name of ['m', 'v', 'ema'] as const) assert.deepEqual(state[name], own[name], name)
  })

test('a gradient that is no number in one piece moves nothing; the next step works', async (t) => {
  const { replicas, data } = await open(t, 2, 2)
  const before = data.flat.slice()
  const broken = { ...gradientAt(0, 1), 'x c': { data: new Float32Array(33).fill(Number.NaN), shape: [11, 3] } }
  const [report] = await replicas.step([gradientAt(0, 0), broken].map(fed), adamRates(0, 0.1))
  assert.ok(Number.isNaN(report!.norm))
  assert.deepEqual(Float32Array.from(data.flat), Float32Array.from(before))
  await replicas.step([gradientAt(0, 0), gradientAt(0, 1)].map(fed), adamRates(0, 0.1))
  assert.ok(data.flat.every((value, i) => value !== before[i]))
})

test('a piece that cannot be computed ends the step for all threads, in words that say why', async (t) => {
  const { replicas } = await open(t, 2, 2)
  await assert.rejects(replicas.step([fed(gradientAt(0, 0)), gradientAt(0, 1)], adamRates(0, 0.1)), /'one' is not fed/)
})

test('a trainer stops at a gradient that is no number, before it harms the parameters', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-trainer-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { set, loss } = threeParameters()
  const trainer = await Trainer.open({ folder, parameters: set, loss, seed: 1, rate: () => 0.1, resume: false })
  t.after(() => trainer.close())
  const before = trainer.data.flat.slice()
  const broken = { ...gradientAt(0, 0), 'x b': { data: new Float32Array(7).fill(Number.NaN), shape: [7] } }
  await assert.rejects(trainer.train([broken]), /not finite at step 0/)
  assert.deepEqual(Float32Array.from(trainer.data.flat), Float32Array.from(before))
  const { loss: first } = await trainer.train([gradientAt(0, 0)])
  const { loss: second } = await trainer.train([gradientAt(0, 0)])
  assert.ok(second < first, `${second} after ${first}`)
})
