/** Signed in or not. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { clientFor } from '../client.ts'
import { readFragment, storedKey, storeKey } from '../session.ts'
import { troubleOf } from '../state/problem.ts'
import { exchangeToken, SignIn } from './sign-in.tsx'
import { Studio } from './studio.tsx'

const asked = readFragment()

export function App() {
  const [key, setKey] = useState(storedKey)
  const [message, setMessage] = useState<string | null>(null)
  const [opening, setOpening] = useState(asked.token !== null)
  const client = useMemo(() => (key === null ? null : clientFor(key)), [key])

  const signIn = (next: string | null, why: string | null = null) => {
    storeKey(next)
    setKey(next)
    setMessage(why)
  }
  useEffect(() => {
    const { token } = asked
    if (token === null) return
    exchangeToken(token)
      .then(signIn, (error) => setMessage(troubleOf(error)?.detail ?? null))
      .finally(() => setOpening(false))
  }, [])

  if (opening) return <main class="opening" aria-busy="true" aria-label="Signing in" />
  return client ? (
    <Studio client={client} opened={asked.story} onSignOut={(why) => signIn(null, why ?? null)} />
  ) : (
    <SignIn message={message} onKey={signIn} />
  )
}
