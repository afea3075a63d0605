/** Whether a device computes what the CPU does: one small graph with every kind of op that costs time in a UNet. */
import { silu } from '../graph/activation.ts'
import { attention } from '../graph/attention.ts'
import { conv2d } from '../graph/conv.ts'
import { linear, matmul } from '../graph/matmul.ts'
import { groupNorm } from '../graph/norm.ts'
import { toTokens } from '../graph/shape.ts'
import { input, type Value } from '../graph/value.ts'
import type { Device } from './device.ts'
import { fusedAttentionIsRight, largestError } from './providers.ts'
import { openAsIs, openSession } from './session.ts'
import type { HostTensor } from './tensor.ts'

export interface DeviceCheck {
  /** The largest difference from the CPU, relative to the largest value, over all stages. */
  readonly maxError: number
  readonly errors: Readonly<Record<string, number>>
  /** Whether attention runs in the provider's own kernel, or in portable form because that kernel was wrong. */
  readonly attention: 'fused' | 'portable'
  /** Of the first run with opening and compiling, and of the second. */
  readonly firstSeconds: number
  readonly seconds: number
}

export async function checkDevice(device: Device): Promise<DeviceCheck> {
  const { outputs, feeds } = sample()
  const want = (await timed(outputs, feeds, 'cpu')).values
  const { values, firstSeconds, seconds } = await timed(outputs, feeds, device)
  const errors = Object.fromEntries(
    Object.entries(want).map(([name, value]) => [name, largestError(values[name]!, value)]),
  )
  const fused = device === 'cpu' || (await fusedAttentionIsRight(device, openAsIs))
  const maxError = Math.max(...Object.values(errors))
  return { maxError, errors, attention: fused ? 'fused' : 'portable', firstSeconds, seconds }
}

/** x[1,8,16,16] through a convolution, group normalisation, attention over its pixels, and a matrix product. */
function sample(): { outputs: Record<string, Value>; feeds: Record<string, HostTensor> } {
  const feeds: Record<string, HostTensor> = {}
  const given = (name: string, shape: number[], size = 1): Value => {
    const count = shape.reduce((a, b) => a * b)
    const phase = Object.keys(feeds).length
    feeds[name] = { data: Float32Array.from({ length: count }, (_, i) => size * Math.sin(i * i + phase)), shape }
    return input(name, shape)
  }
  const [channels, heads] = [32, 4]
  const conv = conv2d(given('x', [1, 8, 16, 16]), given('kernel', [channels, 8, 3, 3], 0.2), given('bias', [channels]))
  const norm = silu(groupNorm(conv, given('gamma', [channels]), given('beta', [channels]), 8, 1e-5))
  const tokens = toTokens(norm)
  const [q, k, v] = ['q', 'k', 'v'].map((name) => linear(tokens, given(name, [channels, channels], 0.3)))
  const attended = attention(q!, k!, v!, heads)
  const product = matmul(attended, given('out', [channels, channels], 0.3))
  return { outputs: { convolution: conv, normalisation: norm, attention: attended, product }, feeds }
}

async function timed(outputs: Record<string, Value>, feeds: Record<string, HostTensor>, device: Device) {
  const start = performance.now()
  const session = await openSession(outputs, { device })
  try {
    await session.run(feeds)
    const warm = performance.now()
    const values = await session.run(feeds)
    return { values, firstSeconds: (warm - start) / 1e3, seconds: (performance.now() - warm) / 1e3 }
  } finally {
    await session.close()
  }
}
