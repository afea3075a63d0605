/** Safetensors files: the header as plain data, tensors read on demand, files written whole or not at all. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { fromBfloat16, fromFloat8, fromHalf, toBfloat16, toHalf } from './half.ts'
import { repeatedKey, shown } from './json.ts'

/** Bytes of one element. */
const sizes = {
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
  ...{ F8_E4M3: 1, F8_E5M2: 1 },
}

export type SafetensorsDtype = keyof typeof sizes

export interface TensorInfo {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  /** The file that holds the bytes. */
  readonly path: string
  /** In bytes from the beginning of that file. */
  readonly offset: number
  /** In bytes. */
  readonly length: number
  /** The bytes are those of the transposed matrix: of `shape` the other way round. */
  readonly transposed?: true
}

/** The tensors of one file, or of all shards of a checkpoint. */
export interface Checkpoint {
  /** The file, or the index of the shards. */
  readonly path: string
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
  /** The values as float32, whatever the stored type; integers beyond 2^24 lose their last digits. */
  read(name: string): Float32Array<ArrayBuffer>
  /** The bytes as stored, of a transposed matrix in the order of its shape. */
  bytes(name: string): Uint8Array<ArrayBuffer>
}

export class SafetensorsError extends Error {
  override name = 'SafetensorsError'
  readonly path: string
  readonly tensor: string | undefined
  constructor(path: string, tensor: string | undefined, problem: string) {
    super(`${path}: ${tensor === undefined ? '' : `tensor ${shown(tensor, "'")}: `}${problem}`)
    this.path = path
    this.tensor = tensor
  }
}

/** The bound of the reference implementation: a header this long is no header, nor an index this long an index. */
const maxHeader = 100_000_000

/** Read and check the header of the file at `path`; no tensor is read yet. */
export function openSafetensors(path: string): Checkpoint {
  const size = sizeOf(path)
  return openHeader(path, size, (offset, length, tensor) => readExactly(path, offset, length, tensor))
}

/** The same of a whole file in memory, which errors call `name`. */
export function parseSafetensors(name: string, bytes: Uint8Array): Checkpoint {
  // A copy, aligned for every type, whatever buffer the bytes are a view of.
  return openHeader(name, bytes.length, (offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)))
}

/** Bytes of the one file at hand; `tensor` is for errors. */
type Read = (offset: number, length: number, tensor?: string) => Uint8Array<ArrayBuffer>

function openHeader(path: string, size: number, read: Read): Checkpoint {
  const { header, dataStart } = readHeader(path, size, read)
  const tensors = new Map<string, TensorInfo>()
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') metadata = checkMetadata(path, entry)
    else tensors.set(name, checkEntry(path, name, entry, dataStart, size))
  }
  checkOverlap(path, tensors)
  return checkpoint(path, tensors, metadata, ({ offset, length }, name) => read(offset, length, name))
}

/**
 * The weights of a model folder: `<base>.safetensors`, or the shards that `<base>.safetensors.index.json`, or another
 * file `list`, lists. `base` is 'diffusion_pytorch_model' for diffusers' folders and 'model' for those of transformers.
 */
export function openCheckpoint(folder: string, base: string, list = `${base}.safetensors.index.json`): Checkpoint {
  const single = join(folder, `${base}.safetensors`)
  const index = join(folder, list)
  if (existsSync(single) || !existsSync(index)) return openSafetensors(single)

  const shards = new Map<string, Checkpoint>()
  const tensors = new Map<string, TensorInfo>()
  for (const [name, file] of Object.entries(readWeightMap(index))) {
    if (basename(file) !== file || !file.endsWith('.safetensors'))
      throw new SafetensorsError(index, name, `${shown(file, "'")} is no file name of a shard`)
    if (!shards.has(file)) shards.set(file, openSafetensors(join(folder, file)))
    const info = shards.get(file)!.tensors.get(name)
    if (!info) throw new SafetensorsError(index, name, `${file} does not hold it`)
    tensors.set(name, info)
  }
  return filesCheckpoint(index, tensors, {})
}

/** A checkpoint of `tensors` wherever they lie, such as parts of the tensors of another under other names. */
export function filesCheckpoint(
  path: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  metadata: Checkpoint['metadata'],
): Checkpoint {
  return checkpoint(path, tensors, metadata, ({ path, offset, length }, name) =>
    readExactly(path, offset, length, name),
  )
}

export interface NewTensor {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  /**
   * Float32Array is rounded to F16 and BF16; anything else is stored as it is, so its bytes must be `dtype`'s. What is
   * too large for memory comes in chunks of bytes.
   */
  readonly data: ArrayBufferView | Iterable<Uint8Array>
}

/**
 * Write `tensors` to `path` through a temporary file next to it, so that a reader finds the old file or the new one.
 *
 * Data begin at a multiple of 64 bytes, and wide types go first, so that each tensor is aligned to its own elements:
 * the format allows no gaps between tensors.
 */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, NewTensor>>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const temporary = `${path}.${process.pid}.tmp`
  const file = openSync(temporary, 'w')
  try {
    try {
      for (const chunk of chunksOf(path, tensors, metadata)) writeAll(file, chunk)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** The same bytes in memory; errors call the file `name`. */
export function encodeSafetensors(
  name: string,
  tensors: Readonly<Record<string, NewTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([...chunksOf(name, tensors, metadata)]))
}

/** A whole file, piece by piece. */
function* chunksOf(
  path: string,
  tensors: Readonly<Record<string, NewTensor>>,
  metadata: Readonly<Record<string, string>> | undefined,
): Generator<Uint8Array> {
  const ordered = Object.entries(tensors).sort(
    ([a, x], [b, y]) => sizes[y.dtype] - sizes[x.dtype] || (a < b ? -1 : Number(a > b)),
  )
  const header: [string, unknown][] = metadata ? [['__metadata__', metadata]] : []
  let end = 0
  for (const [name, { dtype, shape, data }] of ordered) {
    const length = elements(shape) * sizes[dtype]
    const given = !ArrayBuffer.isView(data)
      ? length
      : rounds(dtype, data)
        ? data.length * sizes[dtype]
        : data.byteLength
    if (given !== length)
      throw new SafetensorsError(path, name, `${dtype} [${shape}] takes ${length} bytes, not ${given}`)
    header.push([name, { dtype, shape, data_offsets: [end, (end += length)] }])
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  const head = Buffer.alloc(Math.ceil((8 + json.length) / 64) * 64, ' ')
  head.writeBigUInt64LE(BigInt(head.length - 8))
  json.copy(head, 8)
  yield head
  for (const [name, { dtype, shape, data }] of ordered) {
    let left = elements(shape) * sizes[dtype]
    for (const chunk of ArrayBuffer.isView(data) ? [stored(dtype, data)] : data) {
      yield chunk
      left -= chunk.length
    }
    if (left !== 0) throw new SafetensorsError(path, name, `its chunks do not fill it: ${left} bytes are left`)
  }
}

function readHeader(path: string, size: number, read: Read): { header: object; dataStart: number } {
  if (size < 10) throw new SafetensorsError(path, undefined, `${size} bytes are too few for a header`)
  const length = Number(Buffer.from(read(0, 8).buffer).readBigUInt64LE())
  if (length > maxHeader || 8 + length > size) {
    throw new SafetensorsError(path, undefined, `a header of ${length} bytes in a file of ${size}`)
  }
  return { header: parseObject(path, read(8, length)), dataStart: 8 + length }
}

/** Bytes of the file at `path`. Asked before it is opened: opening a pipe or a device could wait for ever. */
function sizeOf(path: string): number {
  try {
    const stat = statSync(path)
    if (stat.isFile()) return stat.size
  } catch (error) {
    throw new SafetensorsError(path, undefined, `cannot be opened: ${(error as Error).message}`)
  }
  throw new SafetensorsError(path, undefined, 'is no file')
}

function parseObject(path: string, bytes: Uint8Array): object {
  let value: unknown
  let repeated: string | undefined
  try {
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(json)
    repeated = repeatedKey(json)
  } catch (error) {
    throw new SafetensorsError(path, undefined, `no JSON: ${(error as Error).message}`)
  }
  if (!isObject(value)) throw new SafetensorsError(path, undefined, 'the JSON is no object')
  if (repeated !== undefined) throw new SafetensorsError(path, repeated, 'is there more than once')
  return value
}

function checkMetadata(path: string, entry: unknown): Record<string, string> {
  if (!isObject(entry)) throw new SafetensorsError(path, undefined, '__metadata__ is no object')
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== 'string')
      throw new SafetensorsError(path, undefined, `__metadata__ holds ${shown(value)} for ${shown(key, "'")}, no text`)
  }
  return entry as Record<string, string>
}

function checkEntry(path: string, name: string, entry: unknown, dataStart: number, size: number): TensorInfo {
  const fail = (problem: string) => new SafetensorsError(path, name, problem)
  if (!isObject(entry)) throw fail('its entry is no object')
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>
  if (!isDtype(dtype)) throw fail(`dtype ${shown(dtype)} is none of ${Object.keys(sizes).join(', ')}`)
  if (!isCounts(shape)) throw fail(`shape ${shown(shape)} is no list of sizes`)
  if (!isCounts(offsets) || offsets.length !== 2) throw fail(`data_offsets ${shown(offsets)} are no range`)
  const [start, end] = offsets as [number, number]
  if (start > end || dataStart + end > size) {
    throw fail(`bytes ${start} to ${end} are not within the ${size - dataStart} bytes of data`)
  }
  const length = elements(shape) * sizes[dtype]
  if (length !== end - start) throw fail(`${dtype} ${shown(shape)} takes ${length} bytes, not ${end - start}`)
  return { dtype, shape, path, offset: dataStart + start, length }
}

function checkOverlap(path: string, tensors: ReadonlyMap<string, TensorInfo>): void {
  const used = [...tensors].filter(([, { length }]) => length > 0).sort(([, a], [, b]) => a.offset - b.offset)
  for (let i = 1; i < used.length; i++) {
    const [before, a] = used[i - 1]!
    const [name, b] = used[i]!
    if (a.offset + a.length > b.offset)
      throw new SafetensorsError(path, name, `its bytes overlap those of ${shown(before, "'")}`)
  }
}

function readWeightMap(index: string): Record<string, string> {
  const size = sizeOf(index)
  if (size > maxHeader) throw new SafetensorsError(index, undefined, `${size} bytes are too many for an index`)
  const { weight_map: map } = parseObject(index, readFileSync(index)) as Record<string, unknown>
  if (!isObject(map) || !Object.values(map).every((file) => typeof file === 'string')) {
    throw new SafetensorsError(index, undefined, 'weight_map does not map tensors to files')
  }
  return map as Record<string, string>
}

function checkpoint(
  path: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  metadata: Checkpoint['metadata'],
  read: (info: TensorInfo, name: string) => Uint8Array<ArrayBuffer>,
): Checkpoint {
  const find = (name: string): TensorInfo => {
    const info = tensors.get(name)
    if (!info) throw new SafetensorsError(path, name, `not among its ${tensors.size} tensors`)
    return info
  }
  const bytes = (name: string) => {
    const info = find(name)
    const stored = read(info, name)
    return info.transposed ? transposedBytes(stored, info) : stored
  }
  return {
    path,
    tensors,
    metadata,
    read: (name) => toFloat32(find(name).dtype, bytes(name).buffer),
    bytes,
  }
}

/** The bytes of a matrix of `shape` [rows,columns], from those of its transpose. */
function transposedBytes(stored: Uint8Array, { shape, dtype }: TensorInfo): Uint8Array<ArrayBuffer> {
  const [rows, columns] = shape as [number, number]
  const size = sizes[dtype]
  const out = new Uint8Array(stored.length)
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const from = (c * rows + r) * size
      out.set(stored.subarray(from, from + size), (r * columns + c) * size)
    }
  return out
}

function toFloat32(dtype: SafetensorsDtype, bytes: ArrayBuffer): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes)
    case 'F16':
      return fromHalf(new Uint16Array(bytes))
    case 'BF16':
      return fromBfloat16(new Uint16Array(bytes))
    case 'F8_E4M3':
      return fromFloat8(new Uint8Array(bytes), 4)
    case 'F8_E5M2':
      return fromFloat8(new Uint8Array(bytes), 5)
    case 'F64':
      return new Float32Array(new Float64Array(bytes))
    case 'I64':
      return Float32Array.from(new BigInt64Array(bytes), Number)
    case 'U64':
      return Float32Array.from(new BigUint64Array(bytes), Number)
    case 'I32':
      return new Float32Array(new Int32Array(bytes))
    case 'U32':
      return new Float32Array(new Uint32Array(bytes))
    case 'I16':
      return new Float32Array(new Int16Array(bytes))
    case 'U16':
      return new Float32Array(new Uint16Array(bytes))
    case 'I8':
      return new Float32Array(new Int8Array(bytes))
    case 'U8':
    case 'BOOL':
      return new Float32Array(new Uint8Array(bytes))
  }
}

/** Whether `data` are rounded on their way to the file. */
function rounds(dtype: SafetensorsDtype, data: ArrayBufferView): data is Float32Array {
  return data instanceof Float32Array && (dtype === 'F16' || dtype === 'BF16')
}

function stored(dtype: SafetensorsDtype, data: ArrayBufferView): Uint8Array {
  const { buffer, byteOffset, byteLength } = rounds(dtype, data) ? round(dtype, data) : data
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const round = (dtype: SafetensorsDtype, data: Float32Array) => (dtype === 'F16' ? toHalf(data) : toBfloat16(data))

function readExactly(path: string, offset: number, length: number, tensor?: string): Uint8Array<ArrayBuffer> {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const count = readSync(file, bytes, done, Math.min(length - done, 1 << 30), offset + done)
      if (count === 0) throw new SafetensorsError(path, tensor, `the file ends at byte ${offset + done}`)
      done += count
    }
    return bytes
  } catch (error) {
    if (error instanceof SafetensorsError) throw error
    throw new SafetensorsError(path, tensor, `${length} bytes cannot be read: ${(error as Error).message}`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30))
}

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isDtype = (value: unknown): value is SafetensorsDtype => typeof value === 'string' && Object.hasOwn(sizes, value)
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
