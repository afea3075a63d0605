/** One frame again, with several seeds side by side; the one that is kept goes into the story. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Fableframe } from '../../../sdk/src/client.ts'
import type { Story, StoryParams } from '../../../sdk/src/types.ts'
import { hereOf } from '../client.ts'
import { candidatesOf, newSeeds } from '../state/candidates.ts'
import { troubleOf } from '../state/problem.ts'
import { statusOf } from '../state/status.ts'
import { useStory } from '../state/use-story.ts'
import { Dialog } from './dialog.tsx'
import { Icon } from './icons.tsx'

const COUNT = 3

interface Props {
  client: Fableframe
  story: Story
  request: StoryParams
  index: number
  prompt: string
  /** Ids of those who are in the frame. */
  characters: string[]
  onKeep: (story: Story) => void
  onClose: () => void
}

export function Redraw({ client, story, request, index, prompt, characters, onKeep, onClose }: Props) {
  const { story: tries, trouble, busy, run, report } = useStory(client)
  const [seeds, setSeeds] = useState(() => newSeeds(COUNT))
  const [keeping, setKeeping] = useState(false)
  const asked = useRef({ story, request, prompt, characters }).current

  const draw = useCallback(
    (seeds: number[]) => run(() => client.stories.create(candidatesOf({ ...asked, seeds }))),
    [client, run, asked],
  )
  useEffect(() => {
    draw(seeds)
  }, [draw, seeds])
  // Nobody looks at them again.
  const made = tries?.id
  useEffect(() => () => void (made && client.stories.delete(made).catch(() => {})), [client, made])

  const keep = async (seed: number) => {
    setKeeping(true)
    try {
      onKeep(await client.frames.redraw(story.id, index, { prompt, seed }))
    } catch (error) {
      report(troubleOf(error) ?? null)
      setKeeping(false)
    }
  }
  const present = story.frames[index]
  const ratio = { aspectRatio: `${present?.width ?? 1} / ${present?.height ?? 1}` }
  return (
    <Dialog title={`Redraw frame ${index + 1}`} kind="sheet" onClose={onClose}>
      <p class="quote">{prompt}</p>
      <ul class="tries">
        <li>
          <div class="well" style={ratio}>
            {present?.url && <img src={hereOf(present.url)} alt="The frame as it is" />}
          </div>
          <button type="button" class="quiet" onClick={onClose}>
            Keep as it is
          </button>
        </li>
        {seeds.map((seed, i) => {
          const url = tries?.frames[i]?.url
          return (
            <li key={seed}>
              <div class={`well ${url ? '' : busy ? 'waiting' : 'empty'}`} style={ratio}>
                {url ? <img src={hereOf(url)} alt={`Candidate ${i + 1}`} /> : <span aria-hidden="true">{i + 1}</span>}
              </div>
              <button type="button" class="primary" disabled={!url || keeping} onClick={() => keep(seed)}>
                <Icon name="done" /> Keep this one<span class="hidden">, candidate {i + 1}</span>
              </button>
              <small>seed {seed}</small>
            </li>
          )
        })}
      </ul>
      <div class="dialog-foot">
        <p role="status">
          {busy || !tries ? statusOf({ story: tries, busy, plan: { what: 'again' }, seconds: null }) : ''}
        </p>
        <button type="button" disabled={busy || keeping} onClick={() => setSeeds(newSeeds(COUNT))}>
          <Icon name="redraw" /> Three others
        </button>
      </div>
      <p role="alert" class={trouble ? 'trouble' : ''}>
        {trouble?.detail}
      </p>
    </Dialog>
  )
}
