/** Just enough of the protocol buffer wire format to write an ONNX model (protobuf.dev/programming-guides/encoding). */

type Part = Uint8Array | Message

/** A message under construction; fields are written in the order they are added. */
export class Message {
  readonly #parts: Uint8Array[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  int(field: number, value: number | bigint): this {
    return this.#push(varint((field << 3) | 0)).#push(varint(value))
  }

  float(field: number, value: number): this {
    return this.#push(varint((field << 3) | 5)).#push(new Uint8Array(Float32Array.of(value).buffer))
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  bytes(field: number, value: Part): this {
    const length = value instanceof Message ? value.size : value.length
    this.#push(varint((field << 3) | 2)).#push(varint(length))
    return value instanceof Message ? this.#append(value) : this.#push(value)
  }

  encode(): Uint8Array {
    const out = new Uint8Array(this.#size)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }

  #append(message: Message): this {
    for (const part of message.#parts) this.#push(part)
    return this
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part)
    this.#size += part.length
    return this
  }
}

/** Base-128, low group first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
