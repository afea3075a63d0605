/** The story on the screen: drawn, followed, continued, one request after another. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Fableframe } from '../../../sdk/src/client.ts'
import { isEnded } from '../../../sdk/src/follow.ts'
import type { Story } from '../../../sdk/src/types.ts'
import { type Trouble, troubleOf } from './problem.ts'

export interface ShownStory {
  story: Story | null
  trouble: Trouble | null
  /** A request has been sent, or its story is not over. */
  busy: boolean
  /** Send a request that answers a story, and follow that to its end. Resolves with how it ended, or null. */
  run: (request: () => Promise<Story>) => Promise<Story | null>
  /** Show this one, and follow it if it is not over. */
  show: (story: Story | null) => void
  report: (trouble: Trouble | null) => void
}

export function useStory(client: Fableframe): ShownStory {
  const [story, setStory] = useState<Story | null>(null)
  const [trouble, setTrouble] = useState<Trouble | null>(null)
  const [busy, setBusy] = useState(false)
  const following = useRef<AbortController>(undefined)
  useEffect(() => () => following.current?.abort(), [])

  const run = useCallback(
    async (request: () => Promise<Story>) => {
      following.current?.abort()
      const mine = new AbortController()
      following.current = mine
      setTrouble(null)
      setBusy(true)
      try {
        let last = await request()
        if (mine.signal.aborted) return null
        setStory(last)
        if (!isEnded(last.status))
          for await (const { story } of client.stories.follow(last.id, { signal: mine.signal })) {
            last = story
            setStory(story)
          }
        return last
      } catch (error) {
        if (!mine.signal.aborted) setTrouble(troubleOf(error) ?? null)
        return null
      } finally {
        if (following.current === mine) setBusy(false)
      }
    },
    [client],
  )

  const show = useCallback(
    (next: Story | null) => {
      following.current?.abort()
      setTrouble(null)
      setBusy(false)
      setStory(next)
      if (next && !isEnded(next.status)) run(async () => next)
    },
    [run],
  )
  return { story, trouble, busy, run, show, report: setTrouble }
}
