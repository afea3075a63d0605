/**
 * ZIP archives (PKWARE APPNOTE 6.3.10) of files that are stored as they are, since pictures are compressed already. One file
 * is in memory at a time. Libraries that stream write sizes after the data; readers of EPUB that stream too cannot read
 * stored files without sizes before them.
 */

export interface ZipFile {
  /** With `/` between folders. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** A file of UTF-8. */
export const textFile = (name: string, content: string): ZipFile => ({ name, bytes: new TextEncoder().encode(content) })

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
/** The version that is needed to unpack: 2.0. */
const VERSION = 20
/** Names are UTF-8. */
const UTF8 = 0x0800

/** The archive, piece by piece. `modified` is written of every file, in UTC. */
export async function* zipped(files: AsyncIterable<ZipFile>, modified: Date): AsyncGenerator<Uint8Array> {
  const directory: Uint8Array<ArrayBuffer>[] = []
  let offset = 0
  for await (const { name, bytes } of files) {
    const path = new TextEncoder().encode(name)
    const about = [VERSION, UTF8, 0, ...dosTime(modified)]
    const sizes = [crc32(bytes), bytes.length, bytes.length]
    const header = joined(fields([LOCAL], about, sizes, [path.length, 0]), path)
    yield header
    yield bytes
    // Made by version 2.0 on no system in particular; neither extra fields nor a comment; disk and attributes 0.
    directory.push(joined(fields([CENTRAL], [VERSION, ...about], sizes, [path.length, 0, 0, 0, 0], [0, offset]), path))
    offset += header.length + bytes.length
  }
  const length = directory.reduce((sum, entry) => sum + entry.length, 0)
  yield* directory
  yield fields([END], [0, 0, directory.length, directory.length], [length, offset], [0])
}

/** Numbers of 4 and 2 bytes, in turns. */
function fields(...groups: number[][]): Uint8Array<ArrayBuffer> {
  const bytes = groups.flatMap((group, i) =>
    group.flatMap((value) => Array.from({ length: i % 2 === 0 ? 4 : 2 }, (_, k) => (value >>> (8 * k)) & 255)),
  )
  return new Uint8Array(bytes)
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** As MS-DOS writes times: in steps of two seconds since 1980. */
function dosTime(time: Date): [time: number, date: number] {
  const years = Math.max(0, time.getUTCFullYear() - 1980)
  return [
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1),
    (years << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(),
  ]
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  return rest
})

/** CRC-32 of ISO 3309. */
function crc32(bytes: Uint8Array): number {
  let rest = 0xffffffff
  for (let i = 0; i < bytes.length; i++) rest = (rest >>> 8) ^ table[(rest ^ bytes[i]!) & 255]!
  return ~rest >>> 0
}
