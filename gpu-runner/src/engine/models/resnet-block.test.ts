import { test } from 'node:test'
import { assertClose, evaluate, randn } from '../../../../test/gradient.ts'
import { allocate, initialise, ParameterSet } from '../../lab/train/parameters.ts'
import { randomAt } from '../../lab/train/random.ts'
import { input } from '../graph/value.ts'
import { resnetBlock2D } from './resnet-block.ts'

const [n, c, out, t, size, groups, epsilon] = [2, 4, 6, 5, 4, 2, 1e-5]

test('resnetBlock2D agrees with a plain-loop reference', async () => {
  const parameters = new ParameterSet()
  const [x, temb] = [input('x', [n, c, size, size]), input('temb', [n, t])]
  const y = resnetBlock2D(x, temb, parameters.weights(''), { out, groups, epsilon })
  const data = allocate(parameters.list())
  initialise(parameters.list(), data, randomAt(3, 0).normal)
  for (const [name, { data: values }] of Object.entries(data.tensors))
    if (!name.endsWith('weight') || name.startsWith('norm')) values.set(randn([values.length], name.length).data)
  const feeds = { x: randn([n, c, size, size], 1), temb: randn([n, t], 2) }
  const got = await evaluate({ y }, { ...data.tensors, ...feeds })

  const w = (name: string) => data.tensors[name]!.data
  const silu = (values: Float32Array) => values.map((value) => value / (1 + Math.exp(-value)))
  let h = conv(
    silu(groupNorm(feeds.x.data, c, w('norm1.weight'), w('norm1.bias'))),
    c,
    out,
    3,
    w('conv1.weight'),
    w('conv1.bias'),
  )
  const time = silu(feeds.temb.data)
  h = h.map((value, i) => {
    const [row, channel] = [Math.floor(i / (out * size * size)), Math.floor(i / (size * size)) % out]
    let shift = w('time_emb_proj.bias')[channel]!
    for (let j = 0; j < t; j++) shift += w('time_emb_proj.weight')[channel * t + j]! * time[row * t + j]!
    return value + shift
  })
  h = conv(silu(groupNorm(h, out, w('norm2.weight'), w('norm2.bias'))), out, out, 3, w('conv2.weight'), w('conv2.bias'))
  const skip = conv(feeds.x.data, c, out, 1, w('conv_shortcut.weight'), w('conv_shortcut.bias'))
  assertClose(
    got.y!.data,
    h.map((value, i) => value + skip[i]!),
    1e-4,
  )
})

function groupNorm(x: Float32Array, channels: number, gamma: Float32Array, beta: Float32Array): Float32Array {
  const per = (channels / groups) * size * size
  return x.map((value, i) => {
    const group = x.subarray(Math.floor(i / per) * per, (Math.floor(i / per) + 1) * per)
    const mean = group.reduce((a, b) => a + b, 0) / per
    const variance = group.reduce((a, b) => a + (b - mean) ** 2, 0) / per
    const channel = Math.floor(i / (size * size)) % channels
    return ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[channel]! + beta[channel]!
  })
}

function conv(
  x: Float32Array,
  inputs: number,
  outputs: number,
  k: number,
  weight: Float32Array,
  bias: Float32Array,
): Float32Array {
  const y = new Float32Array(n * outputs * size * size)
  const half = (k - 1) / 2
  for (let i = 0; i < y.length; i++) {
    const [row, o] = [Math.floor(i / (outputs * size * size)), Math.floor(i / (size * size)) % outputs]
    const [v, u] = [Math.floor(i / size) % size, i % size]
    let sum = bias[o]!
    for (let channel = 0; channel < inputs; channel++)
      for (let dv = 0; dv < k; dv++)
        for (let du = 0; du < k; du++) {
          const [a, b] = [v + dv - half, u + du - half]
          if (a < 0 || b < 0 || a >= size || b >= size) continue
          sum +=
            x[((row * inputs + channel) * size + a) * size + b]! * weight[((o * inputs + channel) * k + dv) * k + du]!
        }
    y[i] = sum
  }
  return y
}
