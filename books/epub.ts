/** A picture book as EPUB 3.3 with fixed layout (W3C, *EPUB 3.3*): a cover, then text and picture side by side. */
import { type Book, isRightToLeft } from './book.ts'
import {
  type BookPicture,
  backPage,
  coverPage,
  escaped,
  picturePage,
  STYLE,
  textPages,
  VIEWPORT,
} from './epub-pages.ts'
import { textFile, type ZipFile, zipped } from './zip.ts'

export interface EpubOptions {
  /** Of the story; the book's identifier follows from it. */
  readonly id: string
  readonly modified: Date
  /** The picture of each page, in its order. */
  readonly pictures: readonly BookPicture[]
}

/** A document of the book, in reading order. */
interface Chapter {
  readonly file: string
  readonly xhtml: string
  readonly side: 'left' | 'right' | 'center'
  /** For the table of contents. */
  readonly label?: string
}

/** The file, piece by piece; at most one picture is in memory. */
export function epub(book: Book, options: EpubOptions): AsyncGenerator<Uint8Array> {
  const { pictures } = options
  if (pictures.length === 0 || pictures.length !== book.pages.length)
    throw new RangeError(`epub: ${pictures.length} pictures for ${book.pages.length} pages`)
  return zipped(filesOf(book, options), options.modified)
}

async function* filesOf(book: Book, options: EpubOptions): AsyncGenerator<ZipFile> {
  const chapters = chaptersOf(book, options.pictures)
  // First and as it is, so that a reader knows the format by the first bytes.
  yield textFile('mimetype', 'application/epub+zip')
  yield textFile('META-INF/container.xml', CONTAINER)
  yield textFile('OEBPS/package.opf', packageOf(book, chapters, options))
  yield textFile('OEBPS/nav.xhtml', contentsOf(book, chapters))
  yield textFile('OEBPS/style.css', STYLE)
  for (const { file, xhtml } of chapters) yield textFile(`OEBPS/${file}.xhtml`, xhtml)
  for (const [i, { read }] of options.pictures.entries())
    yield { name: `OEBPS/picture-${i + 1}.png`, bytes: await read() }
}

function chaptersOf(book: Book, pictures: readonly BookPicture[]): Chapter[] {
  // A spread is read from the side where its script begins.
  const [first, second] = book.isRightToLeft ? (['right', 'left'] as const) : (['left', 'right'] as const)
  const last = pictures.length
  return [
    { file: 'cover', xhtml: coverPage(book, pictures[0]!), side: 'center', label: book.title },
    ...textPages(book).flatMap((xhtml, i): Chapter[] => [
      { file: `text-${i + 1}`, xhtml, side: first, label: String(i + 1) },
      { file: `page-${i + 1}`, xhtml: picturePage(book, i, pictures[i]!), side: second },
    ]),
    { file: 'back', xhtml: backPage(book, last, pictures[last - 1]!), side: 'center' },
  ]
}

/** By the names that EPUB 3.0 to 3.3 all know. */
const spreads = { left: 'page-spread-left', right: 'page-spread-right', center: 'rendition:page-spread-center' }

const XHTML = 'application/xhtml+xml'

const CONTAINER = `<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles>
    <rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/>
  </rootfiles>
</container>
`

function packageOf(
  { title, language, isRightToLeft }: Book,
  chapters: Chapter[],
  { id, modified, pictures }: EpubOptions,
) {
  const item = (id: string, href: string, type: string, properties = '') =>
    `    <item id="${id}" href="${href}" media-type="${type}"${properties && ` properties="${properties}"`}/>`
  const items = [
    item('nav', 'nav.xhtml', XHTML, 'nav'),
    item('style', 'style.css', 'text/css'),
    ...chapters.map(({ file, xhtml }) => item(file, `${file}.xhtml`, XHTML, xhtml.includes('<svg') ? 'svg' : '')),
    ...pictures.map((_, i) =>
      item(`picture-${i + 1}`, `picture-${i + 1}.png`, 'image/png', i === 0 ? 'cover-image' : ''),
    ),
  ]
  const spine = chapters.map(({ file, side }) => `    <itemref idref="${file}" properties="${spreads[side]}"/>`)
  return `<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="${language}">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier id="id">urn:fableframe:story:${escaped(id)}</dc:identifier>
    <dc:title>${escaped(title)}</dc:title>
    <dc:language>${language}</dc:language>
    <meta property="dcterms:modified">${modified.toISOString().slice(0, 19)}Z</meta>
    <meta property="rendition:layout">pre-paginated</meta>
    <meta property="rendition:orientation">auto</meta>
    <meta property="rendition:spread">auto</meta>
    <meta property="schema:accessMode">textual</meta>
    <meta property="schema:accessMode">visual</meta>
    <meta property="schema:accessModeSufficient">textual</meta>
    <meta property="schema:accessibilityFeature">alternativeText</meta>
    <meta property="schema:accessibilityFeature">tableOfContents</meta>
    <meta property="schema:accessibilityHazard">none</meta>
  </metadata>
  <manifest>
${items.join('\n')}
  </manifest>
  <spine page-progression-direction="${isRightToLeft ? 'rtl' : 'ltr'}">
${spine.join('\n')}
  </spine>
</package>
`
}

function contentsOf({ title, language }: Book, chapters: Chapter[]): string {
  const entries = chapters.flatMap(({ file, label }) =>
    label === undefined ? [] : [`      <li><a href="${file}.xhtml">${escaped(label)}</a></li>`],
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="${language}" xml:lang="${language}">
<head>
  <title>${escaped(title)}</title>
  <meta name="viewport" content="width=${VIEWPORT}, height=${VIEWPORT}"/>
</head>
<body dir="${isRightToLeft(title) ? 'rtl' : 'ltr'}">
  <nav epub:type="toc" id="toc">
    <ol>
${entries.join('\n')}
    </ol>
  </nav>
</body>
</html>
`
}
