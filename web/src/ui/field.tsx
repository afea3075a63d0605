/** A labelled text with what the API says about it. */
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import type { Note } from '../state/notes.ts'
import { Notes } from './notes.tsx'

interface Props {
  label: string
  value: string
  onInput: (value: string) => void
  notes?: Note[]
  /** The label is for screen readers alone. */
  bare?: boolean
  /** A text of several lines, which grows with what is in it. */
  long?: boolean
  placeholder?: string
  class?: string
  kind?: 'text' | 'number' | 'password'
}

export function Field({
  label,
  value,
  onInput,
  notes = [],
  bare,
  long,
  placeholder = '',
  kind = 'text',
  ...rest
}: Props) {
  const id = useId()
  const area = useRef<HTMLTextAreaElement>(null)
  // Browsers without `field-sizing` are told the height.
  useLayoutEffect(() => {
    const { current } = area
    if (!current || CSS.supports('field-sizing', 'content')) return
    current.style.height = 'auto'
    current.style.height = `${current.scrollHeight + 2}px`
  })
  const shared = {
    id,
    value,
    placeholder,
    'aria-invalid': notes.some(({ kind }) => kind === 'error'),
    'aria-describedby': notes.length > 0 ? `${id}-notes` : undefined,
    onInput: (event: { currentTarget: { value: string } }) => onInput(event.currentTarget.value),
  }
  return (
    <div class={`field ${rest.class ?? ''}`}>
      <label for={id} class={bare ? 'hidden' : ''}>
        {label}
      </label>
      {long ? (
        <textarea ref={area} rows={2} {...shared} />
      ) : (
        <input {...typeOf(kind)} step="any" autocomplete="off" spellcheck={kind === 'text'} {...shared} />
      )}
      <Notes id={`${id}-notes`} notes={notes} />
    </div>
  )
}

/** Preact's types tell kinds of inputs apart; these take the same. */
const typeOf = (kind: NonNullable<Props['kind']>) => ({ type: kind as 'text' })
