/** What a story may say besides cast and frames. Left empty, the model decides. */
import type { Form, Settings } from '../state/form.ts'
import { type Note, notesAt } from '../state/notes.ts'
import { Field } from './field.tsx'

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
  const isNoted = all.some(([name]) => notesAt(notes, `/${name}`).length > 0)
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
    <details class="settings" open={isNoted || undefined}>
      <summary>
        <h2>Settings</h2>
      </summary>
      <div class="settings-fields">
        {TEXTS.map(field('text'))}
        {NUMBERS.map(field('number'))}
      </div>
    </details>
  )
}
