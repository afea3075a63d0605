/** What the API says about a request, beside what it speaks of. */
import type { StoryParams } from '../../../sdk/src/types.ts'

export interface Note {
  /** JSON pointer (RFC 6901) into the request; '' for what speaks of the whole. */
  pointer: string
  text: string
  kind: 'warning' | 'error'
}

/** Warnings begin with a pointer: `/frames/0/prompt: names nobody of the cast`. */
export function warningNote(warning: string): Note {
  const [, pointer = '', text = warning] = /^(\/\S*): (.*)$/s.exec(warning) ?? []
  return { pointer, text, kind: 'warning' }
}

export const errorNote = ({ pointer, message }: { pointer: string; message: string }): Note => ({
  pointer,
  text: message,
  kind: 'error',
})

/** Those that point at one of `pointers`, or at something inside it. */
export const notesAt = (notes: readonly Note[], ...pointers: string[]): Note[] =>
  notes.filter(({ pointer }) => pointers.some((at) => pointer === at || pointer.startsWith(`${at}/`)))

const FIELDS =
  /^\/(title|characters\/\d+|frames\/\d+|style|negative_prompt|model|seed|steps|guidance_scale|width|height)(\/|$)/

/** Those that no field of the page shows. */
export const otherNotes = (notes: readonly Note[]): Note[] => notes.filter(({ pointer }) => !FIELDS.test(pointer))

/** A field that is still empty needs no telling off. */
export const withoutBlanks = (notes: readonly Note[], request: StoryParams): Note[] =>
  notes.filter(({ pointer }) => valueAt(request, pointer) !== '')

function valueAt(request: unknown, pointer: string): unknown {
  const parts = pointer.split('/').slice(1)
  return parts.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined,
    request,
  )
}
