/** The stories of this key, newest first. */
import { useEffect, useState } from 'preact/hooks'
import type { Story } from '../../../contract/story-view.ts'
import { type Fableframe, hereOf } from '../api.ts'
import { isCandidates } from '../state/candidates.ts'
import { type Trouble, troubleOf } from '../state/problem.ts'
import { Dialog } from './dialog.tsx'

interface Props {
  client: Fableframe
  onOpen: (id: string) => void
  onClose: () => void
}

export function History({ client, onOpen, onClose }: Props) {
  const [stories, setStories] = useState<Story[]>([])
  /** The page to come; undefined for the first one, null after the last. */
  const [next, setNext] = useState<string | null | undefined>(undefined)
  const [wanted, setWanted] = useState(1)
  const [trouble, setTrouble] = useState<Trouble | null>(null)

  useEffect(() => {
    let over = false
    client.stories.list(next ?? undefined).then(
      (page) => {
        if (over) return
        setStories((before) => [...before, ...page.results.filter((story) => !isCandidates(story))])
        setNext(page.next && hereOf(page.next))
      },
      (error) => setTrouble(troubleOf(error) ?? null),
    )
    return () => {
      over = true
    }
    // A page for each time that more is wanted.
  }, [client, wanted])

  return (
    <Dialog title="History" kind="drawer" onClose={onClose}>
      {trouble && (
        <p class="trouble" role="alert">
          {trouble.detail}
        </p>
      )}
      {stories.length === 0 && !trouble && (
        <p class="quote">{next === undefined ? 'Looking…' : 'No story yet. The first one is a click away.'}</p>
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
      {next && (
        <button type="button" onClick={() => setWanted(wanted + 1)}>
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
