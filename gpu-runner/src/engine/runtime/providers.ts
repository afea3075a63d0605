/**
 * What each provider of onnxruntime computes with kernels of its own, and what in portable form: the one place that
 * tells them apart. All share one graph; `fit` swaps those of its ops that the provider lacks or gets wrong.
 */
import { attention } from '../graph/attention.ts'
import { inOrder } from '../graph/onnx.ts'
import {
  centredLayerNorm,
  exactAngle,
  portableAttention,
  portableInstanceNorm,
  portableMatmul,
} from '../graph/portable.ts'
import { rewrite } from '../graph/rewrite.ts'
import { input, type Node, type Value } from '../graph/value.ts'
import { type Device, DeviceUnavailable } from './device.ts'
import type { HostTensor, Session } from './tensor.ts'

type Forms = Readonly<Record<string, (made: Node) => Value>>

/** Ops whose kernels are not used on a provider, and what takes their place. */
const portable: Readonly<Record<Device, Forms>> = {
  cpu: {},
  webgpu: {
    // It has no kernel, and would run on the host.
    FusedMatMul: portableMatmul,
    // onnxruntime 1.30 compiles the first epsilon into the shader and takes it for all, and its variances cancel.
    InstanceNormalization: portableInstanceNorm,
    LayerNormalization: centredLayerNorm,
    // WGSL allows an error of 2⁻¹¹, more than the embedding of timesteps bears.
    Sin: exactAngle,
    Cos: exactAngle,
  },
  cuda: {},
}

type Outputs = Readonly<Record<string, Value>>
/** Opens a graph as it is. */
type Open = (outputs: Outputs, device: Device) => Promise<Session>

/** `outputs` as `device` computes them right. */
export async function fit(outputs: Outputs, device: Device, open: Open): Promise<Outputs> {
  if (device === 'cpu') return outputs
  await once(device, () => reach(device, open))
  const attends = inOrder(Object.values(outputs)).some(({ op }) => op === 'MultiHeadAttention')
  const fused = attends && (await fusedAttentionIsRight(device, open))
  const forms: Forms = fused ? portable[device] : { ...portable[device], MultiHeadAttention: portableAttention }
  return rewrite(outputs, (made) => forms[made.op]?.(made) ?? null)
}

/** A session that is never closed: a GPU's context and its compiled shaders live as long as one session on it does. */
async function reach(device: Device, open: Open): Promise<Session> {
  try {
    return await open({ y: input('x', [1]) }, device)
  } catch (error) {
    throw new DeviceUnavailable(device, error)
  }
}

/**
 * Whether this very device agrees with the CPU on fused attention. Kernels differ by what a device can do: the flash
 * attention of onnxruntime 1.30 on WebGPU, for one, is wrong by a fifth on SwiftShader, whose subgroups are narrow.
 */
export function fusedAttentionIsRight(device: Device, open: Open): Promise<boolean> {
  return once(`${device} attention`, async () => {
    const { outputs, feeds } = attentionSample()
    const [want, got] = [await compute(outputs, feeds, 'cpu', open), await compute(outputs, feeds, device, open)]
    return Object.keys(outputs).every((name) => largestError(got[name]!, want[name]!) < 0.01)
  })
}

/** Attention of two heads as models use it: as it is, with a bias, and with values narrower than the keys. */
function attentionSample(): { outputs: Outputs; feeds: Record<string, HostTensor> } {
  const [rows, heads, width, queries, keys] = [2, 2, 80, 64, 77]
  const q = input('q', [rows, queries, width])
  const [k, v] = [input('k', [rows, keys, width]), input('v', [rows, keys, width])]
  const [bias, narrow] = [input('bias', [1, 1, queries, keys]), input('narrow', [rows, keys, width - 16])]
  return {
    outputs: {
      plain: attention(q, k, v, heads),
      biased: attention(q, k, v, heads, bias),
      narrowed: attention(q, k, narrow, heads),
    },
    feeds: { q: wave(q, 1), k: wave(k, 2), v: wave(v, 3), bias: wave(bias, 4), narrow: wave(narrow, 5) },
  }
}

function wave({ shape }: Value, seed: number): HostTensor {
  const sizes = shape as number[]
  const data = Float32Array.from({ length: sizes.reduce((a, b) => a * b) }, (_, i) => 2 * Math.sin(seed * i * i + i))
  return { data, shape: sizes }
}

async function compute(outputs: Outputs, feeds: Record<string, HostTensor>, device: Device, open: Open) {
  const session = await open(outputs, device)
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

/** The largest difference, relative to the largest value of `want`; NaN counts as infinite. */
export function largestError({ data: got }: HostTensor, { data: want }: HostTensor): number {
  let [error, scale] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(Number(got[i]) - Number(want[i]))
    error = Math.max(error, Number.isNaN(difference) ? Infinity : difference)
    scale = Math.max(scale, Math.abs(Number(want[i])))
  }
  return error / scale
}

const found = new Map<string, Promise<unknown>>()

/** What `find` finds, for as long as the process lives; a failure is tried again. */
function once<T>(what: string, find: () => Promise<T>): Promise<T> {
  const finding = (found.get(what) as Promise<T> | undefined) ?? find()
  found.set(what, finding)
  finding.catch(() => found.delete(what))
  return finding
}
