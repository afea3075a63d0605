/** The stories of this key, newest first. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import type { Fableframe } from '../../../sdk/src/client.ts'
import type { Page } from '../../../sdk/src/page.ts'
import type { Story } from '../../../sdk/src/types.ts'
import { hereOf } from '../client.ts'
import { isCandidates } from '../state/candidates.ts'
import { type Trouble, troubleOf } from '../state/problem.ts'
import { Dialog } from './dialog.tsx'

const PAGE = 24

interface Props {
  client: Fableframe
  onOpen: (id: string) => void
  onClose: () => void
}

export function History({ client, onOpen, onClose }: Props) {
  const [stories, setStories] = useState<Story[]>([])
  const [page, setPage] = useState<Page<Story> | null>(null)
  const [trouble, setTrouble] = useState<Trouble | null>(null)

  const take = useCallback(async (loading: Promise<Page<Story>>) => {
    try {
      const page = await loading
      setStories((before) => [...before, ...page.results.filter((story) => !isCandidates(story))])
      setPage(page)
    } catch (error) {
      setTrouble(troubleOf(error) ?? null)
    }
  }, [])
  useEffect(() => {
    take(client.stories.list({ limit: PAGE }))
  }, [client, take])

  return (
    <Dialog title="History" kind="drawer" onClose={onClose}>
      {trouble && (
        <p class="trouble" role="alert">
          {trouble.detail}
        </p>
      )}
      {stories.length === 0 && !trouble && (
        <p class="quote">{page === null ? 'Looking…' : 'No story yet. The first one is a click away.'}</p>
      )}
      <ul class="history">
        {stories.map((story) => (
          <li key={story.id}>
            <button type="button" disabled={story.data_removed} onClick={() => onOpen(story.id)}>
              <span class="well">{picture(story)}</span>
              <span>
                <strong>{story.title ?? story.frames[0]?.prompt ?? 'Untitled story'}</strong>
                <small>
                  {describe(story)} · <time dateTime={story.created_at}>{when(story.created_at)}</time>
                </small>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {page?.next && (
        <button type="button" onClick={() => page.next && take(page.next())}>
          Show older ones
        </button>
      )}
    </Dialog>
  )
}

function picture({ frames }: Story) {
  const url = frames.find((frame) => frame.url !== null)?.url
  return url ? <img src={hereOf(url)} alt="" loading="lazy" /> : null
}

function describe({ data_removed, frames, status }: Story): string {
  if (data_removed) return 'texts and pictures were removed'
  const count = `${frames.length} ${frames.length === 1 ? 'frame' : 'frames'}`
  return status === 'succeeded' ? count : `${count}, ${status}`
}

const when = (time: string) => new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
