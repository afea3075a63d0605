/** What a story may say besides cast and frames. Left empty, the model decides. */
import { useState } from 'preact/hooks'
import type { Form, Settings } from '../state/form.ts'
import { type Note, notesAt } from '../state/notes.ts'
import { Field } from './field.tsx'
import { Icon } from './icons.tsx'

const TEXTS: [keyof Settings, string, string][] = [
  ['style', 'Style', 'goes before every prompt'],
  ['negative_prompt', 'Negative prompt', 'what should not be seen'],
  ['model', 'Model', 'the usual one'],
]
const NUMBERS: [keyof Settings, string, string][] = [
  ['seed', 'Seed', 'random'],
  ['steps', 'Steps', 'model’s own'],
  ['guidance_scale', 'Guidance', 'model’s own'],
  ['width', 'Width', 'model’s own'],
  ['height', 'Height', 'model’s own'],
]

interface Props {
  form: Form
  edit: (change: (form: Form) => Form) => void
  notes: Note[]
}

export function SettingsPanel({ form, edit, notes }: Props) {
  const all = [...TEXTS, ...NUMBERS]
  const [wanted, setWanted] = useState(false)
  const isNoted = all.some(([name]) => notesAt(notes, `/${name}`).length > 0)
  const isOpen = wanted || isNoted
  const field =
    (kind: 'text' | 'number') =>
    ([name, label, placeholder]: [keyof Settings, string, string]) => (
      <Field
        key={name}
        label={label}
        kind={kind}
        placeholder={placeholder}
        value={form.settings[name]}
        onInput={(value) => edit((form) => ({ ...form, settings: { ...form.settings, [name]: value } }))}
        notes={notesAt(notes, `/${name}`)}
      />
    )
  return (
    <section class="settings">
      <h2>
        <button
          type="button"
          class="link"
          aria-expanded={isOpen}
          aria-controls="settings"
          onClick={() => setWanted(!isOpen)}
        >
          <Icon name="right" /> Settings
        </button>
      </h2>
      <div id="settings" class="settings-fields" hidden={!isOpen}>
        {TEXTS.map(field('text'))}
        {NUMBERS.map(field('number'))}
      </div>
    </section>
  )
}
