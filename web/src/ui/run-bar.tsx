/** What happens next, and how far it is: always in sight. */
import type { Story } from '../../../sdk/src/types.ts'
import type { Note } from '../state/notes.ts'
import type { Plan } from '../state/plan.ts'
import type { Trouble } from '../state/problem.ts'
import { fractionOf, statusOf } from '../state/status.ts'
import { Icon } from './icons.tsx'
import { Notes } from './notes.tsx'

interface Props {
  story: Story | null
  trouble: Trouble | null
  busy: boolean
  plan: Plan
  seconds: number | null
  /** Those that no field shows. */
  notes: Note[]
  onDraw: (plan: Plan) => void
  onCancel: () => void
}

export function RunBar({ story, trouble, busy, plan, seconds, notes, onDraw, onCancel }: Props) {
  const fraction = busy && story ? fractionOf(story) : null
  return (
    <footer class="run-bar">
      {fraction !== null && (
        <progress aria-label="Of the story" max={1} value={fraction}>
          {Math.round(100 * fraction)} %
        </progress>
      )}
      <div class="run-bar-row">
        <p class="status" role="status">
          {statusOf({ story, busy, plan, seconds })}
        </p>
        {busy ? (
          <button type="button" onClick={onCancel} disabled={!story || story.cancel_requested}>
            {story?.cancel_requested ? 'Canceling…' : 'Cancel'}
          </button>
        ) : (
          <>
            {plan.what === 'more' && (
              <button type="button" class="quiet" onClick={() => onDraw({ what: 'new' })}>
                Draw all anew
              </button>
            )}
            <button type="button" class="primary" onClick={() => onDraw(plan)}>
              <Icon name={plan.what === 'again' ? 'redraw' : 'picture'} /> {LABELS[plan.what](plan)}
            </button>
          </>
        )}
      </div>
      <div role="alert">
        {trouble && (
          <p class="trouble">
            <strong>{trouble.title}.</strong> {trouble.detail}
            {trouble.requestId && <small> {trouble.requestId}</small>}
          </p>
        )}
        {!busy && story?.status === 'failed' && story.error && <p class="trouble">{story.error.message}</p>}
      </div>
      <Notes notes={notes} />
    </footer>
  )
}

const LABELS: Record<Plan['what'], (plan: Plan) => string> = {
  new: () => 'Draw the story',
  again: () => 'Draw again',
  more: (plan) => {
    const count = 'frames' in plan ? plan.frames.length : 0
    return count === 1 ? 'Draw one more frame' : `Draw ${count} more frames`
  },
}
