/** Open models. This folder alone knows onnxruntime. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { encodeModel, inOrder } from '../graph/onnx.ts'
import { type DType, known, product, type Value } from '../graph/value.ts'
import type { Device } from './device.ts'
import { fit } from './providers.ts'
import type { HostTensor, Session, TensorData } from './tensor.ts'
import { sessionThreads } from './threads.ts'

export interface SessionOptions {
  /** Folder of the weight files that the graph points into. */
  weights?: string
  /** Threads to compute with; by default as `sessionThreads` says. */
  threads?: number
  device?: Device
  /** How far onnxruntime may rewrite the graph; by default what suits the size of the weights. */
  optimise?: 'all' | 'extended'
  /** Write onnxruntime's own profile to files that start with this. */
  profile?: string
}

/** Onnxruntime refused to open or to run a graph; its own words are in the message and the `cause`. */
export class SessionError extends Error {
  override name = 'SessionError'
}

const refused = (what: string) => (cause: Error) => {
  throw new SessionError(`onnxruntime cannot ${what}: ${cause.message}`, { cause })
}

/** Open the model that computes `outputs`. Feeds are borrowed for the time of a run, never copied on the CPU. */
export async function openSession(outputs: Readonly<Record<string, Value>>, options: SessionOptions = {}) {
  const fitted = await fit(outputs, options.device ?? 'cpu', openAsIs)
  return openModel(encodeModel(fitted), { optimise: optimisation(Object.values(fitted)), ...options })
}

/** The model that computes `outputs` on `device`, to be opened by another thread. */
export async function encodeFor(outputs: Readonly<Record<string, Value>>, device: Device) {
  return encodeModel(await fit(outputs, device, openAsIs)) as Uint8Array<ArrayBuffer>
}

/** `outputs` on `device`, with no op swapped. */
export function openAsIs(outputs: Readonly<Record<string, Value>>, device: Device): Promise<Session> {
  return openModel(encodeModel(outputs), { device })
}

/** A model with more numbers in its weights than this counts as large: 256 MB as F32. */
const large = 64 << 20

/**
 * 'all' changes the layout of convolutions for the CPU's vector units. Steps of SD 1.5 get 8 % faster, but each weight
 * is copied four times on one thread while the model opens, 35 s instead of 3, and stays in memory in addition to its
 * file. Large models therefore leave their weights where they are, in the page cache. Packing matrices would copy
 * those: 2 GB for SD 1.5, twice the time to open it, and steps that are no faster. Casts of half-precision weights are
 * not folded either, which took 10 s and 3.4 GB: each runs just before the node that reads it (`storedFirst`), for 2 %
 * of a step.
 */
function optimisation(outputs: readonly Value[]): 'all' | 'extended' {
  const weights = new Map<string, number>()
  for (const { inputs } of inOrder(outputs))
    for (const x of inputs)
      if (x?.source.kind === 'weight') weights.set(x.source.name, known(product(x.shape), x.source.name))
  return [...weights.values()].reduce((a, b) => a + b, 0) < large ? 'all' : 'extended'
}

export async function openModel(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
  const { weights, threads = sessionThreads(), device = 'cpu', optimise = 'all', profile } = options
  const session = await InferenceSession.create(model, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    logSeverityLevel: 3,
    graphOptimizationLevel: optimise,
    intraOpNumThreads: threads,
    ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
    extra: {
      ...(optimise === 'extended' ? { optimization: { disable_specified_optimizers: 'ConstantFolding' } } : {}),
      session: {
        // Threads that spin while they wait for each other are up to a tenth faster on an idle machine, and on a busy one
        // half as slow again as a single thread.
        intra_op: { allow_spinning: '0' },
        ...(weights ? { model_external_initializers_file_folder_path: weights } : {}),
        ...(optimise === 'extended' ? { disable_prepacking: '1' } : {}),
      },
    },
  }).catch(refused('open the model'))
  return {
    inputs: session.inputNames,
    async run(feeds) {
      const tensors = Object.fromEntries(session.inputNames.map((name) => [name, toTensor(name, feeds[name])]))
      const results = await session.run(tensors).catch(refused('run the model'))
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromTensor(name, tensor)]))
    },
    async close() {
      if (profile) session.endProfiling()
      await session.release()
    },
  }
}

const typeOf = (data: TensorData): DType =>
  data instanceof Float32Array
    ? 'float32'
    : data instanceof BigInt64Array
      ? 'int64'
      : data instanceof Int32Array
        ? 'int32'
        : data instanceof Uint8Array
          ? 'uint8'
          : 'float16'

function toTensor(name: string, value: HostTensor | undefined): Tensor {
  if (!value) throw new TypeError(`run: input '${name}' is not fed`)
  return new Tensor(typeOf(value.data) as 'float32', value.data as Float32Array, value.shape)
}

function fromTensor(name: string, tensor: { data: unknown; dims: readonly number[] }): HostTensor {
  const { data, dims } = tensor
  if (!ArrayBuffer.isView(data)) throw new TypeError(`run: output '${name}' is not numeric`)
  return { data: data as TensorData, shape: dims }
}
