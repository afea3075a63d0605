/** The page of who is signed in: the cast, the frames, the code, and what is done with them. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { Fableframe } from '../../../sdk/src/client.ts'
import type { Story, StoryParams } from '../../../sdk/src/types.ts'
import { showStory } from '../session.ts'
import { emptyForm, exampleForm, type Form, formOf, idsOf, newFrame, requestOf, reusedForm } from '../state/form.ts'
import { notesAt, otherNotes, withoutBlanks } from '../state/notes.ts'
import { type Plan, planOf } from '../state/plan.ts'
import { troubleOf } from '../state/problem.ts'
import { useCheck } from '../state/use-check.ts'
import { useStory } from '../state/use-story.ts'
import { Cast } from './cast.tsx'
import { Consistency } from './consistency.tsx'
import { Field } from './field.tsx'
import { Header } from './header.tsx'
import { History } from './history.tsx'
import { Redraw } from './redraw.tsx'
import { RunBar } from './run-bar.tsx'
import { SettingsPanel } from './settings.tsx'
import { Snippets } from './snippets.tsx'
import { Strip } from './strip.tsx'

interface Props {
  client: Fableframe
  /** The story that the address names. */
  opened: string | null
  onSignOut: (why?: string) => void
}

export function Studio({ client, opened, onSignOut }: Props) {
  const [form, setForm] = useState<Form>(exampleForm)
  const [made, setMade] = useState<StoryParams | null>(null)
  const [tried, setTried] = useState(false)
  const [open, setOpen] = useState<'history' | { redraw: number } | null>(null)
  const shown = useStory(client)
  const { story, trouble, report, run, show } = shown
  const request = useMemo(() => requestOf(form), [form])
  const check = useCheck(client, request)
  const plan = planOf(request, made, story)
  const notes = trouble?.notes.length ? trouble.notes : tried ? check.notes : withoutBlanks(check.notes, request)

  useEffect(() => {
    if (trouble?.signedOut) onSignOut(trouble.detail)
  }, [trouble, onSignOut])

  const edit = useCallback(
    (change: (form: Form) => Form) => {
      report(null)
      setForm(change)
    },
    [report],
  )

  const draw = (plan: Plan) => {
    setTried(true)
    const places = new Map(form.frames.map(({ key }, place) => [key, place]))
    return run(async () => {
      const accepted =
        plan.what === 'more' && story
          ? await client.stories.continue(story.id, { frames: plan.frames })
          : await client.stories.create(request)
      setMade(request)
      setForm((now) => ({ ...now, frames: now.frames.map((one) => ({ ...one, drawn: places.get(one.key) ?? null })) }))
      showStory(accepted.id)
      return accepted
    })
  }

  const begin = (next: Form) => {
    show(null)
    showStory(null)
    setMade(null)
    setTried(false)
    setForm(next)
  }

  /** A story that was made before; what it was made from is asked for. */
  const reopen = useCallback(
    async (id: string) => {
      setOpen(null)
      try {
        const [found, asked] = await Promise.all([client.stories.get(id), client.stories.request(id)])
        const next = formOf(asked, found)
        setForm(next)
        setMade(requestOf(next))
        setTried(false)
        showStory(id)
        show(found)
      } catch (error) {
        report(troubleOf(error) ?? null)
      }
    },
    [client, show, report],
  )
  useEffect(() => {
    if (opened !== null) reopen(opened)
  }, [opened, reopen])

  const keep = (picked: Story, prompt: string, index: number) => {
    setMade((made) => made && { ...made, frames: made.frames.with(index, { ...made.frames[index], prompt }) })
    setOpen(null)
    run(async () => picked)
  }

  const redrawn = open !== null && typeof open === 'object' && story ? { index: open.redraw, story } : null
  const frame = redrawn && form.frames.find(({ drawn }) => drawn === redrawn.index)
  const ids = idsOf(form.cast)
  return (
    <>
      <Header
        onNew={() => begin(emptyForm())}
        onExample={() => begin(exampleForm())}
        onHistory={() => setOpen('history')}
        onSignOut={() => onSignOut()}
      />
      <main class="studio">
        <h1 class="hidden">Playground</h1>
        <Field
          label="Title of the story"
          bare
          class="title"
          placeholder="Untitled story"
          value={form.title}
          onInput={(title) => edit((form) => ({ ...form, title }))}
          notes={notesAt(notes, '/title')}
        />
        <Cast
          form={form}
          edit={edit}
          notes={notes}
          onReuse={story?.bank && !shown.busy ? () => begin(reusedForm(form, story.id)) : undefined}
        />
        <Strip
          form={form}
          edit={edit}
          notes={notes}
          story={story}
          busy={shown.busy}
          namesIn={(place) =>
            check.mentions.filter((one) => one.frame === place).map(({ character }) => ids.indexOf(character))
          }
          onRedraw={(index) => setOpen({ redraw: index })}
          onAdd={() => edit((form) => ({ ...form, frames: [...form.frames, newFrame()] }))}
        />
        {story?.consistency && !shown.busy && <Consistency story={story} />}
        <SettingsPanel form={form} edit={edit} notes={notes} />
        <Snippets request={request} story={story} />
      </main>
      <RunBar
        story={story}
        trouble={trouble}
        busy={shown.busy}
        plan={plan}
        seconds={check.seconds}
        notes={otherNotes(notes)}
        onDraw={draw}
        onCancel={() => story && client.stories.cancel(story.id).catch((error) => report(troubleOf(error) ?? null))}
      />
      {open === 'history' && <History client={client} onOpen={reopen} onClose={() => setOpen(null)} />}
      {redrawn && frame && (
        <Redraw
          client={client}
          story={redrawn.story}
          request={request}
          index={redrawn.index}
          prompt={frame.prompt}
          characters={check.mentions
            .filter(({ frame: place }) => form.frames[place]?.key === frame.key)
            .map(({ character }) => character)}
          onKeep={(picked) => keep(picked, frame.prompt, redrawn.index)}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  )
}
