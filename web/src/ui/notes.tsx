/** The API's warnings and errors, in its own words. */
import type { Note } from '../state/notes.ts'
import { Icon } from './icons.tsx'

export function Notes({ id, notes }: { id?: string; notes: Note[] }) {
  if (notes.length === 0) return null
  return (
    <ul class="notes" {...(id !== undefined && { id })}>
      {notes.map(({ kind, text }) => (
        <li class={kind} key={text}>
          <Icon name="note" />
          <span>
            <span class="hidden">{kind === 'error' ? 'Error: ' : 'Note: '}</span>
            {text}
          </span>
        </li>
      ))}
    </ul>
  )
}
