import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randn } from '../../../../test/gradient.ts'
import { adamState, adamStep } from './adamw.ts'
import { openAdamHelper } from './adamw-helper.ts'
import { allocate, ParameterSet } from './parameters.ts'

function threeParameters() {
  const set = new ParameterSet()
  for (const [name, shape] of Object.entries({ a: [5, 7], b: [7], c: [11, 3] })) set.weights('').get(name, shape)
  const parameters = set.list()
  const data = allocate(parameters)
  data.flat.set(randn([data.flat.length]).data)
  return { parameters, data, state: adamState(data) }
}

/** A fresh gradient each time, as a run gives them: the helper keeps what it is handed. */
const gradientAt = (step: number, shapes: Record<string, number>) => (name: string) =>
  randn([shapes[name]!], 10 * step + name.charCodeAt(0)).data
const sizes = { a: 35, b: 7, c: 33 }

test('two threads leave exactly the numbers that one does', async (t) => {
  const [alone, helped] = [threeParameters(), threeParameters()]
  const helper = openAdamHelper({ p: helped.data.flat, ...helped.state }, 3)
  t.after(() => helper.close())
  for (let step = 0; step < 4; step++) {
    const gradient = gradientAt(step, sizes)
    const one = adamStep(alone.parameters, alone.data, alone.state, gradient, 0.1)
    const two = adamStep(helped.parameters, helped.data, helped.state, gradient, 0.1, {}, helper)
    assert.equal(two, one)
  }
  assert.deepEqual(helped.data.flat, alone.data.flat)
  for (const name of ['m', 'v', 'ema'] as const) assert.deepEqual(helped.state[name], alone.state[name], name)
})

test('a gradient that is no number in the other thread stops the step; the next one works', async (t) => {
  const { parameters, data, state } = threeParameters()
  const helper = openAdamHelper({ p: data.flat, ...state }, 3)
  t.after(() => helper.close())
  const before = data.flat.slice()
  const broken = (name: string) => new Float32Array(sizes[name as 'a']).fill(name === 'c' ? Number.NaN : 1)
  assert.throws(() => adamStep(parameters, data, state, broken, 0.1, {}, helper), /not finite at step 0/)
  assert.deepEqual(data.flat, before)
  adamStep(parameters, data, state, gradientAt(0, sizes), 0.1, {}, helper)
  assert.notDeepEqual(data.flat.slice(-33), before.slice(-33))
})
