/** What is on the screen, and the request that it stands for. */
import type { StoryParams, StoryRequest } from '../../../sdk/src/types.ts'

/** A reference picture: a data URI, a URL, or one that the edge keeps and shows to nobody. */
export interface Picture {
  name: string
  source: string
}

export interface Member {
  /** Of the card; not of the request. */
  key: string
  /** In the request; null for one that follows from the name. */
  id: string | null
  name: string
  description: string
  pictures: Picture[]
}

export interface Frame {
  key: string
  prompt: string
  /** Its place in the story that was drawn last; null when it is not in it. */
  drawn: number | null
}

/** Texts of number fields stay as they are typed, so that the API can say what is wrong with them. */
export interface Settings {
  style: string
  negative_prompt: string
  model: string
  seed: string
  steps: string
  guidance_scale: string
  width: string
  height: string
}

export interface Form {
  title: string
  cast: Member[]
  frames: Frame[]
  settings: Settings
  /** The story whose bank keeps the characters. */
  bank: string | null
}

let keys = 0
const newKey = () => `k${++keys}`

export const newFrame = (prompt = ''): Frame => ({ key: newKey(), prompt, drawn: null })
export const newMember = (name = '', description = ''): Member => ({
  key: newKey(),
  id: null,
  name,
  description,
  pictures: [],
})

const NO_SETTINGS: Settings = {
  style: '',
  negative_prompt: '',
  model: '',
  seed: '',
  steps: '',
  guidance_scale: '',
  width: '',
  height: '',
}

export const emptyForm = (): Form => ({
  title: '',
  cast: [newMember()],
  frames: [newFrame()],
  settings: NO_SETTINGS,
  bank: null,
})

/** Good for a first picture with one click: the words are those that `story-mini` was trained on. */
export const exampleForm = (): Form => ({
  ...emptyForm(),
  title: 'A day with Fern and Bo',
  cast: [
    newMember('Fern', 'an orange fox wearing a blue shirt and a red scarf'),
    newMember('Bo', 'a white rabbit wearing a green shirt and red pants'),
  ],
  frames: [
    'Fern waves in the forest',
    'Fern reads and Bo cheers at the beach',
    'Bo holds a balloon in the desert',
    'Bo jumps and Fern sits in the snow at night',
  ].map((prompt) => newFrame(prompt)),
})

/** The request, without what is left to the model. Places of cast and frames are those on the screen. */
export function requestOf({ title, cast, frames, settings, bank }: Form): StoryParams {
  const ids = idsOf(cast)
  const { model, style, negative_prompt, ...numbers } = settings
  return {
    ...(title.trim() !== '' && { title }),
    ...textsOf({ model, style, negative_prompt }),
    ...(bank !== null && { bank: { id: bank } }),
    ...(cast.length > 0 && {
      characters: cast.map(({ name, description, pictures }, i) => ({
        id: ids[i]!,
        name,
        description,
        ...(pictures.length > 0 && { references: pictures.map(({ source }) => source) }),
      })),
    }),
    frames: frames.map(({ prompt }) => ({ prompt })),
    ...numbersOf(numbers),
  }
}

const textsOf = (texts: Record<string, string>) =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim() !== ''))

const numbersOf = (texts: Record<string, string>) =>
  Object.fromEntries(Object.entries(textsOf(texts)).map(([name, text]) => [name, Number(text)]))

/** One for each member: from the name, as far as ids can spell it, and never twice the same. */
export function idsOf(cast: readonly Pick<Member, 'id' | 'name'>[]): string[] {
  const ids: string[] = []
  for (const [i, { id, name }] of cast.entries()) {
    const spelt = name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/\p{M}/gu, '')
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 28)
    const wanted = id ?? (spelt || `character-${i + 1}`)
    ids.push(ids.includes(wanted) ? `${wanted}-${i + 1}` : wanted)
  }
  return ids
}

/**
 * An earlier story, to be shown and changed. Its pictures that the edge keeps cannot be posted again, so its bank, where
 * there is one, stands for them.
 */
export function formOf(request: StoryRequest, story: { id: string; bank: object | null }): Form {
  const keepsPictures = request.characters.some(({ references = [] }) => references.some(isKept))
  const { settings } = emptyForm()
  const shown = Object.keys(settings) as (keyof Settings)[]
  return {
    title: request.title ?? '',
    cast: request.characters.map(({ id, name, description, references = [] }) => ({
      key: newKey(),
      id,
      name,
      description,
      pictures: references
        .filter((source) => !isKept(source))
        .map((source, i) => ({ name: `picture ${i + 1}`, source })),
    })),
    frames: request.frames.map(({ prompt }, drawn) => ({ key: newKey(), prompt, drawn })),
    settings: Object.fromEntries(shown.map((name) => [name, String(request[name] ?? '')])) as unknown as Settings,
    bank: story.bank !== null && (keepsPictures || request.bank !== null) ? story.id : null,
  }
}

/** A new story with the characters that the story `bank` has kept, pictures included. */
export const reusedForm = ({ cast, settings }: Form, bank: string): Form => ({
  ...emptyForm(),
  cast: cast.map((member, i) => ({ ...member, id: idsOf(cast)[i]!, pictures: [] })),
  settings: { ...settings, seed: '' },
  bank,
})

const isKept = (source: string) => source.startsWith('sha256:')

/** `list` with the entry at `from` moved to the place `to`. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const rest = list.toSpliced(from, 1)
  return from < list.length ? rest.toSpliced(to, 0, list[from]!) : rest
}
