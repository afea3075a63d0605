/** Reference pictures of a character: dropped, pasted or chosen. */
import { useId, useRef, useState } from 'preact/hooks'
import type { Picture } from '../state/form.ts'
import { errorNote, type Note } from '../state/notes.ts'
import { readPicture } from '../state/pictures.ts'
import { Icon } from './icons.tsx'
import { Notes } from './notes.tsx'

/** As the API allows. */
const MOST = 4

interface Props {
  of: string
  pictures: Picture[]
  onChange: (pictures: Picture[]) => void
  notes: Note[]
}

export function Pictures({ of, pictures, onChange, notes }: Props) {
  const [wrong, setWrong] = useState<string[]>([])
  const [over, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const id = useId()

  const take = async (files: Iterable<File>) => {
    const read = await Promise.all(Array.from(files, readPicture))
    const good = read.filter((one): one is Picture => !('wrong' in one))
    const room = MOST - pictures.length
    setWrong([
      ...read.flatMap((one) => ('wrong' in one ? [one.wrong] : [])),
      ...(good.length > room ? [`A character has at most ${MOST} pictures; ${good.length - room} left out.`] : []),
    ])
    if (good.length > 0) onChange([...pictures, ...good.slice(0, room)])
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    take(event.dataTransfer?.files ?? [])
  }
  return (
    <fieldset
      class={`pictures ${over ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      onPaste={(event) => take(event.clipboardData?.files ?? [])}
    >
      <legend class="hidden">Pictures of {of}</legend>
      {pictures.map(({ name, source }, i) => (
        <span class="thumb" key={source}>
          <img src={source} alt={`${of}: ${name}`} />
          <button
            type="button"
            class="icon-only"
            aria-label={`Remove the picture ${name} of ${of}`}
            onClick={() => onChange(pictures.toSpliced(i, 1))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      {pictures.length < MOST && (
        <>
          <button type="button" class="drop" onClick={() => input.current?.click()}>
            <Icon name="picture" />
            <span>
              {over ? 'Drop it here' : pictures.length > 0 ? 'Another picture' : 'Drop a picture, or choose one'}
              <span class="hidden"> of {of}</span>
            </span>
          </button>
          <input
            ref={input}
            id={id}
            type="file"
            hidden
            multiple
            accept="image/png,image/jpeg,image/webp"
            onChange={(event) => {
              take([...(event.currentTarget.files ?? [])])
              event.currentTarget.value = ''
            }}
          />
        </>
      )}
      <div role="alert">
        <Notes notes={wrong.map((message) => errorNote({ pointer: '', message }))} />
      </div>
      <Notes notes={notes} />
    </fieldset>
  )
}
