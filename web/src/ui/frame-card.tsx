/** One frame: its picture, as soon as there is one, and its prompt. */
import type { Story } from '../../../sdk/src/types.ts'
import { hereOf } from '../client.ts'
import type { Frame, Settings } from '../state/form.ts'
import { type Note, notesAt } from '../state/notes.ts'
import { Field } from './field.tsx'
import { Icon } from './icons.tsx'

interface Props {
  frame: Frame
  place: number
  story: Story | null
  busy: boolean
  settings: Settings
  isDragged: boolean
  handle: object
  notes: Note[]
  members: { name: string; tint: number }[]
  onPrompt: (prompt: string) => void
  onRemove: () => void
  onRedraw: (index: number) => void
}

export function FrameCard(props: Props) {
  const { frame, place, story, busy, isDragged, handle, notes, members, onPrompt, onRemove, onRedraw } = props
  const drawn = frame.drawn === null ? undefined : story?.frames[frame.drawn]
  const isStale = drawn?.url != null && drawn.prompt !== frame.prompt
  const canRedraw = drawn?.url != null && !busy && (story?.bank !== null || !hasCast(story))
  const number = place + 1
  return (
    <li class={`card frame ${isDragged ? 'dragged' : ''}`} aria-label={`Frame ${number}`}>
      <Well drawn={drawn} busy={busy} settings={props.settings} number={number} />
      <Field
        label={`Prompt of frame ${number}`}
        bare
        long
        class="prompt"
        placeholder="Fern waves in the forest"
        value={frame.prompt}
        onInput={onPrompt}
        notes={notesAt(notes, `/frames/${place}`)}
      />
      {members.length > 0 && (
        <ul class="chips" aria-label={`In frame ${number}`}>
          {members.map(({ name, tint }) => (
            <li key={tint} class={`chip tint-${tint}`}>
              {name}
            </li>
          ))}
        </ul>
      )}
      <div class="frame-foot">
        <button
          type="button"
          class="quiet icon-only grip"
          aria-label={`Move frame ${number}: drag, or use the arrow keys`}
          title="Drag, or use the arrow keys"
          {...handle}
        >
          <Icon name="grip" />
        </button>
        {isStale && <span class="stale">changed since</span>}
        {canRedraw && frame.drawn !== null && (
          <button type="button" class="quiet" onClick={() => onRedraw(frame.drawn!)}>
            <Icon name="redraw" /> Redraw<span class="hidden"> frame {number}</span>
          </button>
        )}
        <button type="button" class="quiet icon-only" aria-label={`Remove frame ${number}`} onClick={onRemove}>
          <Icon name="remove" />
        </button>
      </div>
    </li>
  )
}

/** A story that had a cast is redrawn from its bank. */
const hasCast = (story: Story | null) =>
  (story?.consistency?.frames ?? []).some(({ characters }) => characters.length > 0)

type Drawn = Story['frames'][number] | undefined

function Well({ drawn, busy, settings, number }: { drawn: Drawn; busy: boolean; settings: Settings; number: number }) {
  const width = drawn?.width ?? (Number(settings.width) || 1)
  const height = drawn?.height ?? (Number(settings.height) || Number(settings.width) || 1)
  const style = { aspectRatio: `${width} / ${settings.height || drawn ? height : width}` }
  if (drawn?.url != null)
    return (
      <div class="well" style={style}>
        <img key={drawn.url} src={hereOf(drawn.url)} alt={drawn.prompt} width={width} height={height} />
      </div>
    )
  const isWaiting = busy && drawn !== undefined
  return (
    <div class={`well ${isWaiting ? 'waiting' : 'empty'}`} style={style}>
      <span aria-hidden="true">{number}</span>
      {isWaiting && <span class="hidden">Frame {number} is being drawn</span>}
    </div>
  )
}
