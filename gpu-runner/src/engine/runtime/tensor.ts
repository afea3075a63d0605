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
