/** The characters: name, looks, and pictures that show them. */
import type { Form, Member } from '../state/form.ts'
import { newMember } from '../state/form.ts'
import { type Note, notesAt } from '../state/notes.ts'
import { Field } from './field.tsx'
import { Icon } from './icons.tsx'
import { Notes } from './notes.tsx'
import { Pictures } from './pictures.tsx'

/** As the API allows. */
const MOST = 4

interface Props {
  form: Form
  edit: (change: (form: Form) => Form) => void
  notes: Note[]
  /** Begin another story with this cast; undefined where nothing has kept it. */
  onReuse: (() => void) | undefined
}

export function Cast({ form, edit, notes, onReuse }: Props) {
  const { cast, bank } = form
  const change = (key: string, part: Partial<Member>) =>
    edit((form) => ({ ...form, cast: form.cast.map((one) => (one.key === key ? { ...one, ...part } : one)) }))
  return (
    <section aria-labelledby="cast">
      <div class="section-head">
        <h2 id="cast">The cast</h2>
        <p>Frames call characters by name. What they look like is said once, here.</p>
        {onReuse && (
          <button type="button" onClick={onReuse}>
            <Icon name="plus" /> New story with this cast
          </button>
        )}
      </div>
      {bank !== null && (
        <p class="banner">
          These characters are kept from an earlier story, pictures included.{' '}
          <button type="button" class="link" onClick={() => edit((form) => ({ ...form, bank: null }))}>
            Start from the descriptions instead
          </button>
        </p>
      )}
      <ul class="cast">
        {cast.map((member, i) => (
          <li class={`card member tint-${i}`} key={member.key}>
            <div class="member-head">
              <Field
                label={`Name of character ${i + 1}`}
                bare
                class="name"
                placeholder="Name"
                value={member.name}
                onInput={(name) => change(member.key, { name })}
                notes={notesAt(notes, `/characters/${i}/name`, `/characters/${i}/id`)}
              />
              <button
                type="button"
                class="quiet icon-only"
                aria-label={`Remove ${member.name || `character ${i + 1}`}`}
                onClick={() => edit((form) => ({ ...form, cast: form.cast.filter(({ key }) => key !== member.key) }))}
              >
                <Icon name="remove" />
              </button>
            </div>
            <Field
              label={`Looks of ${member.name || `character ${i + 1}`}`}
              bare
              long
              placeholder="an orange fox wearing a blue shirt"
              value={member.description}
              onInput={(description) => change(member.key, { description })}
              notes={notesAt(notes, `/characters/${i}/description`)}
            />
            <Pictures
              of={member.name || `character ${i + 1}`}
              pictures={member.pictures}
              onChange={(pictures) => change(member.key, { pictures })}
              notes={notesAt(notes, `/characters/${i}/references`)}
            />
            <Notes notes={notes.filter(({ pointer }) => pointer === `/characters/${i}`)} />
          </li>
        ))}
        {cast.length < MOST && (
          <li>
            <button
              type="button"
              class="add"
              onClick={() => edit((form) => ({ ...form, cast: [...form.cast, newMember()] }))}
            >
              <Icon name="plus" /> Add a character
            </button>
          </li>
        )}
      </ul>
    </section>
  )
}
