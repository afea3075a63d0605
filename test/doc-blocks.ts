/** The command blocks of our documents. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './commands.ts'

export interface Block {
  document: string
  /** The `##` heading that it stands under. */
  section: string
  text: string
  /** Whether the document says, by `<!-- run -->` in front, that this machine can run it. */
  runs: boolean
}

/** Fenced blocks of `sh`, in order. */
export function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8')
  return text.split(/^## /m).flatMap((part) => {
    const [section = ''] = part.split('\n', 1)
    return [...part.matchAll(/(<!-- run -->\n)?^```sh\n(.*?)^```$/gms)].map(([, run, text = '']) => ({
      ...{ document, section, text },
      runs: run !== undefined,
    }))
  })
}
