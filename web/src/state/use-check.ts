/** What the API thinks of the request while it is being written: a dry run, shortly after each pause in the typing. */

import { useEffect, useState } from 'preact/hooks'
import type { Fableframe } from '../../../sdk/src/client.ts'
import type { DryRun, StoryParams } from '../../../sdk/src/types.ts'
import { type Note, warningNote } from './notes.ts'
import { troubleOf } from './problem.ts'

const PAUSE_MS = 400

export interface Check {
  notes: Note[]
  mentions: DryRun['mentions']
  /** Seconds that drawing it takes for half of such stories; null while unknown. */
  seconds: number | null
}

const NOTHING: Check = { notes: [], mentions: [], seconds: null }

export function useCheck(client: Fableframe, request: StoryParams): Check {
  const [check, setCheck] = useState(NOTHING)
  const text = JSON.stringify(request)
  useEffect(() => {
    const over = new AbortController()
    const timer = setTimeout(async () => {
      try {
        setCheck(checkOf(await client.stories.dryRun(JSON.parse(text), { signal: over.signal })))
      } catch (error) {
        const trouble = troubleOf(error)
        // Who is in which frame is still worth showing as it was.
        if (trouble && !over.signal.aborted) setCheck((before) => ({ ...before, notes: trouble.notes }))
      }
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      over.abort()
    }
  }, [client, text])
  return check
}

const checkOf = ({ warnings, mentions, estimated_seconds }: DryRun): Check => ({
  notes: warnings.map(warningNote),
  mentions,
  seconds: estimated_seconds?.p50 ?? null,
})
