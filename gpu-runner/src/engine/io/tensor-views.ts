/** Tensors of a file under other names, whole or in part: what another layout calls them, without a copy. */
import { type Checkpoint, filesCheckpoint, SafetensorsError, type TensorInfo } from './safetensors.ts'

/** `info` seen as `shape`, of as many elements. */
export function reshaped(info: TensorInfo, shape: readonly number[]): TensorInfo {
  return { ...info, shape }
}

/** The `i`th of `parts` equal parts of `info` along its first axis. */
export function part(info: TensorInfo, i: number, parts: number): TensorInfo {
  const [rows = 0, ...rest] = info.shape
  const length = info.length / parts
  return { ...info, shape: [rows / parts, ...rest], offset: info.offset + i * length, length }
}

/** A matrix seen the other way round. */
export function transposed(info: TensorInfo): TensorInfo {
  return { ...info, shape: info.shape.toReversed(), transposed: true }
}

/**
 * The tensors that `see` makes of those of `file` whose names begin with `prefix`, cut off before: by their new names.
 * Throws `SafetensorsError` where two get one name.
 */
export function seenAs(
  file: Checkpoint,
  prefix: string,
  see: (name: string, info: TensorInfo) => Readonly<Record<string, TensorInfo>>,
): Checkpoint {
  const seen = new Map<string, TensorInfo>()
  for (const [full, info] of file.tensors) {
    if (!full.startsWith(prefix)) continue
    for (const [name, own] of Object.entries(see(full.slice(prefix.length), info))) {
      if (seen.has(name)) throw new SafetensorsError(file.path, full, `is '${name}', which another tensor is already`)
      seen.set(name, own)
    }
  }
  return filesCheckpoint(file.path, seen, file.metadata)
}
