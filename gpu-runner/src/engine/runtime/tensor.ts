/** What goes in and out of an open model. */
export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array

export interface HostTensor {
  readonly data: TensorData
  readonly shape: readonly number[]
}

export interface Session {
  readonly inputs: readonly string[]
  run(feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>
  close(): Promise<void>
}

/** Rows of `shape` as one batch, [rows, …shape]. Throws `RangeError` for a row of another size. */
export function stacked(rows: readonly Float32Array[], shape: readonly number[]): HostTensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) {
    if (row.length !== size) throw new RangeError(`row ${i} of a batch has ${row.length} values, not [${shape}]`)
    data.set(row, i * size)
  }
  return { data, shape: [rows.length, ...shape] }
}

/** The rows of a batch of float32, as views into it. */
export function unstacked({ data }: HostTensor, rows: number): Float32Array[] {
  const size = data.length / rows
  return Array.from({ length: rows }, (_, i) => (data as Float32Array).subarray(i * size, (i + 1) * size))
}
