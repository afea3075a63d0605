import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { randn } from '../../../../test/gradient.ts'
import { adamState } from './adamw.ts'
import { hasState, loadState, saveState } from './checkpoint.ts'
import { allocate, ParameterSet } from './parameters.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fableframe-state-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function parametersOf(shapes: Record<string, number[]>) {
  const set = new ParameterSet()
  for (const [name, shape] of Object.entries(shapes)) set.weights('').get(name, shape, 'fan-in')
  const parameters = set.list()
  const data = allocate(parameters)
  return { parameters, data, state: adamState(data) }
}

test('a state lies in files below 16 MB, and comes back to the bit', (t) => {
  const folder = folderOf(t)
  const shapes = { a: [1500, 1000], b: [1000, 1000], c: [7] }
  const first = parametersOf(shapes)
  for (const [i, buffer] of [first.data.flat, first.state.m, first.state.v, first.state.ema].entries())
    buffer.set(randn([buffer.length], i).data)
  first.state.step = 12
  assert.equal(hasState(folder), false)
  saveState(folder, first.parameters, first.data, first.state)
  const [place] = readdirSync(folder).filter((name) => name !== 'state.json')
  const sizes = readdirSync(join(folder, place!)).map((name) => statSync(join(folder, place!, name)).size)
  assert.ok(sizes.length > 1 && sizes.every((size) => size < 16e6), `${sizes}`)
  const second = parametersOf(shapes)
  loadState(folder, second.parameters, second.data, second.state)
  assert.deepEqual(second.data.flat, first.data.flat)
  assert.deepEqual(second.state, first.state)
})

test('a state that was not written to its end leaves the one before, and old ones go', (t) => {
  const folder = folderOf(t)
  const { parameters, data, state } = parametersOf({ a: [3] })
  for (const step of [1, 2, 3]) {
    state.step = step
    data.flat.fill(step)
    saveState(folder, parameters, data, state)
    assert.equal(readdirSync(folder).length, 2)
  }
  // A fourth that broke off: its folder is there, and nothing says so.
  writeFileSync(join(folder, 'state-b'), 'torn')
  const again = parametersOf({ a: [3] })
  loadState(folder, again.parameters, again.data, again.state)
  assert.deepEqual([again.state.step, again.data.flat[0]], [3, 3])
})

test('a state of another configuration is refused by name and shape', (t) => {
  const folder = folderOf(t)
  const { parameters, data, state } = parametersOf({ a: [3] })
  saveState(folder, parameters, data, state)
  const other = parametersOf({ a: [4] })
  assert.throws(
    () => loadState(folder, other.parameters, other.data, other.state),
    /a: the saved state has \[3\], this configuration needs \[4\]/,
  )
})
