/** The smallest pictures that are pictures. */
import { crc32, deflateSync } from 'node:zlib'

const SIDE = 8

/** A PNG (ISO/IEC 15948) of one colour, 0xRRGGBB; `comment` is in it as text. */
export function pngOf(colour: number, comment = ''): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE, 0)
  header.writeUInt32BE(SIDE, 4)
  header.set([8, 2, 0, 0, 0], 8) // 8 bits, RGB
  const row = [0, ...Array.from({ length: SIDE }, () => [colour >> 16, (colour >> 8) & 255, colour & 255]).flat()]
  const pixels = deflateSync(Buffer.from(Array.from({ length: SIDE }, () => row).flat()))
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  const text = comment === '' ? [] : [chunk('tEXt', Buffer.from(`Comment\0${comment}`, 'latin1'))]
  const parts = [signature, chunk('IHDR', header), chunk('IDAT', pixels), ...text, chunk('IEND', Buffer.alloc(0))]
  return new Uint8Array(Buffer.concat(parts))
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
