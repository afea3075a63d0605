/** Uncompressed tar archives of plain files (POSIX.1-1988 ustar), the same bytes whenever and by whomever they are made. */

const BLOCK = 512

/** A file as it stands in an archive: its header, its bytes, and zeros up to the next block. */
export function tarEntry(name: string, bytes: Uint8Array): Uint8Array {
  const path = Buffer.from(name)
  if (!path.length || path.length > 100) throw new RangeError(`tarEntry: a name of ${path.length} bytes, not 1 to 100`)
  const entry = Buffer.alloc(BLOCK + Math.ceil(bytes.length / BLOCK) * BLOCK)
  const octal = (at: number, digits: number, value: number) => {
    const text = value.toString(8).padStart(digits, '0')
    if (text.length > digits) throw new RangeError(`tarEntry: ${name} has ${bytes.length} bytes, too many for a header`)
    entry.write(`${text}\0`, at)
  }
  path.copy(entry)
  octal(100, 7, 0o644)
  octal(108, 7, 0) // owner
  octal(116, 7, 0) // group
  octal(124, 11, bytes.length)
  octal(136, 11, 0) // seconds since 1970
  entry.fill(' ', 148, 156) // the checksum is taken over spaces in its own place
  entry.write('0', 156) // a plain file
  entry.write('ustar\x0000', 257) // format and its version
  octal(
    148,
    6,
    entry.subarray(0, BLOCK).reduce((sum, byte) => sum + byte),
  )
  entry.set(bytes, BLOCK)
  return entry
}

/** What ends an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK)
