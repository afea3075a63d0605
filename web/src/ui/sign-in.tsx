/** What who has no key sees first. */
import { useState } from 'preact/hooks'
import { errorOf } from '../../../sdk/src/error-answers.ts'
import { clientFor } from '../client.ts'
import { errorNote } from '../state/notes.ts'
import { troubleOf } from '../state/problem.ts'
import { Field } from './field.tsx'
import { Mark } from './mark.tsx'

/** The API key that a sign-in link stands for, the first time. Throws `ApiError`. */
export async function exchangeToken(token: string): Promise<string> {
  const response = await fetch('/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  if (!response.ok) throw await errorOf(response)
  const { key } = await response.json()
  return key
}

export function SignIn({ message, onKey }: { message: string | null; onKey: (key: string) => void }) {
  const [key, setKey] = useState('')
  const [wrong, setWrong] = useState(message)
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      await clientFor(key.trim()).stories.list({ limit: 1 })
      onKey(key.trim())
    } catch (error) {
      setWrong(troubleOf(error)?.detail ?? null)
      setBusy(false)
    }
  }
  return (
    <main class="sign-in">
      <Mark />
      <h1>Stories whose characters stay themselves</h1>
      <p>
        Describe a cast, write what happens in each frame, and watch the pictures being drawn. Everything here is one
        request of the API, ready to be copied into your app.
      </p>
      <form onSubmit={submit}>
        <Field
          label="API key"
          kind="password"
          placeholder="ff_live_…"
          value={key}
          onInput={setKey}
          notes={wrong === null ? [] : [errorNote({ pointer: '', message: wrong })]}
        />
        <button type="submit" class="primary" disabled={busy || key.trim() === ''}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
      <p class="small">
        <code>npm start</code> prints a link that opens this page signed in. The key stays in this browser tab and is
        forgotten when you close it. <a href="/docs">API reference</a>
      </p>
    </main>
  )
}
