import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { matmul } from '../graph/matmul.ts'
import { input } from '../graph/value.ts'
import { openSession } from './session.ts'
import { sessionThreads, useThreads } from './threads.ts'

test('the flag overrides the environment, the environment the machine; other values are refused', () => {
  assert.equal(sessionThreads({}), availableParallelism())
  assert.equal(sessionThreads({ FABLEFRAME_THREADS: '' }), availableParallelism())
  assert.equal(sessionThreads({ FABLEFRAME_THREADS: '3' }), 3)
  const env: NodeJS.ProcessEnv = { FABLEFRAME_THREADS: '3' }
  assert.deepEqual([useThreads('2', env), env.FABLEFRAME_THREADS, useThreads(undefined, env)], [2, '2', 2])
  for (const wrong of ['0', '-1', '1.5', '257', 'all'])
    assert.throws(() => useThreads(wrong, {}), new RegExp(`must be from 1 to 256, not '${wrong}'`))
})

test('any number of threads computes the same bytes', async () => {
  const [m, k, n] = [192, 257, 131]
  const wave = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i))
  const feeds = { a: { data: wave(m * k), shape: [m, k] }, b: { data: wave(k * n), shape: [k, n] } }
  const product = async (threads: number) => {
    const session = await openSession({ y: matmul(input('a', [m, k]), input('b', [k, n])) }, { threads })
    const { y } = await session.run(feeds)
    await session.close()
    return y!.data
  }
  const one = await product(1)
  for (const threads of [2, 3]) assert.deepEqual(await product(threads), one)
})
