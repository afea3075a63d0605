/** The frames of the story, in their order. */
import { useState } from 'preact/hooks'
import type { Story } from '../../../sdk/src/types.ts'
import { type Form, moved } from '../state/form.ts'
import type { Note } from '../state/notes.ts'
import { FrameCard } from './frame-card.tsx'
import { Icon } from './icons.tsx'
import { useReorder } from './use-reorder.ts'

/** As the API allows in one request. */
const MOST = 12

interface Props {
  form: Form
  edit: (change: (form: Form) => Form) => void
  notes: Note[]
  story: Story | null
  busy: boolean
  /** Places in the cast of those who are in the frame at a place. */
  namesIn: (place: number) => number[]
  onRedraw: (index: number) => void
  onAdd: () => void
}

export function Strip({ form, edit, notes, story, busy, namesIn, onRedraw, onAdd }: Props) {
  const [said, setSaid] = useState('')
  const { frames, cast } = form
  const move = (from: number, to: number) => {
    edit((form) => ({ ...form, frames: moved(form.frames, from, to) }))
    setSaid(`Moved to place ${to + 1} of ${frames.length}.`)
  }
  const { list, dragged, handle } = useReorder({ keys: frames.map(({ key }) => key), move })
  return (
    <section aria-labelledby="frames">
      <div class="section-head">
        <h2 id="frames">The frames</h2>
        <p>One sentence each: who does what, and where.</p>
      </div>
      <ol class="strip" ref={list}>
        {frames.map((frame, place) => (
          <FrameCard
            key={frame.key}
            frame={frame}
            place={place}
            story={story}
            busy={busy}
            settings={form.settings}
            isDragged={dragged === frame.key}
            handle={handle(frame.key)}
            notes={notes}
            members={namesIn(place).flatMap((c) => (cast[c] ? [{ name: cast[c].name, tint: c }] : []))}
            onPrompt={(prompt) =>
              edit((form) => ({
                ...form,
                frames: form.frames.map((one) => (one.key === frame.key ? { ...one, prompt } : one)),
              }))
            }
            onRemove={() => edit((form) => ({ ...form, frames: form.frames.filter(({ key }) => key !== frame.key) }))}
            onRedraw={onRedraw}
          />
        ))}
      </ol>
      {frames.length < MOST && (
        <button type="button" class="add" onClick={onAdd}>
          <Icon name="plus" /> Add a frame
        </button>
      )}
      <p class="hidden" aria-live="polite">
        {said}
      </p>
    </section>
  )
}
