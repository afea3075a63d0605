/** What Skia does not say of a PDF: its language, and that it is read as a book, two pages at a time. */
import type { Book } from '../../../../books/book.ts'

/**
 * Append the settings as an incremental update (ISO 32000-1, 7.5.6): the catalog once more with what is new, a table of
 * references that has only that, and a trailer that points at the one before. The page after the cover lies on the left,
 * or on the right where text is read from there.
 */
export function withReadingSettings(
  pdf: Uint8Array,
  { language, isRightToLeft }: Pick<Book, 'language' | 'isRightToLeft'>,
): Uint8Array {
  const file = Buffer.from(pdf).toString('latin1')
  const [, size, root, info] = lastMatch(file, /trailer\s*<<\/Size (\d+)\s*\/Root (\d+) 0 R\s*\/Info (\d+) 0 R/g)
  const [, table] = lastMatch(file, /startxref\s+(\d+)/g)
  const [, catalog] = lastMatch(file, new RegExp(`\\n${root} 0 obj\\s*<<(/Type /Catalog.*?)>>\\s*endobj`, 'gs'))
  const direction = isRightToLeft ? '/Direction /R2L ' : ''
  const preferences = catalog!.replace('/ViewerPreferences <<', `/ViewerPreferences <<${direction}`)
  const spoken = language === 'und' ? '' : `/Lang (${language}) `
  const object = `${root} 0 obj\n<<${preferences} ${spoken}/PageLayout /TwoPageRight>>\nendobj\n`
  const start = file.endsWith('\n') ? '' : '\n'
  const offset = pdf.length + start.length
  const entry = `${String(offset).padStart(10, '0')} 00000 n \n`
  const update = `${start}${object}xref\n${root} 1\n${entry}trailer\n<</Size ${size} /Root ${root} 0 R /Info ${info} 0 R /Prev ${table}>>\nstartxref\n${offset + object.length}\n%%EOF\n`
  return Buffer.concat([pdf, Buffer.from(update, 'latin1')])
}

function lastMatch(file: string, pattern: RegExp): RegExpMatchArray {
  const match = [...file.matchAll(pattern)].at(-1)
  if (!match) throw new Error(`a PDF without ${pattern.source}`)
  return match
}
