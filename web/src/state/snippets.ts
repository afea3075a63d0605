/** The request on the screen, as code that sends it. The key is named, never shown. */
import type { StoryParams } from '../../../sdk/src/types.ts'

export const LANGUAGES = ['curl', 'JavaScript', 'Python', 'Web component'] as const
export type Language = (typeof LANGUAGES)[number]

export interface Snippet {
  request: StoryParams
  /** Of the edge. */
  url: string
  /** The signed link of the story on the screen that a page can follow; null while there is none. */
  link: string | null
}

export const snippetOf = (language: Language, snippet: Snippet): string => WRITERS[language](snippet)

const WRITERS: Record<Language, (snippet: Snippet) => string> = {
  /** The body comes on standard input: pictures may make it longer than an argument can be. */
  curl: ({ request, url }) => `curl ${url}/stories \\
  -H "Authorization: Bearer $FABLEFRAME_API_KEY" \\
  -H 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
${JSON.stringify(request, null, 2)}
JSON`,

  JavaScript: ({ request, url }) => `import { Fableframe } from 'fableframe'

const fableframe = new Fableframe({ apiKey: process.env.FABLEFRAME_API_KEY, baseUrl: '${url}' })

const story = await fableframe.stories.createAndWait(${javascript(request)})
for (const frame of story.frames) console.log(frame.url)`,

  Python: ({ request, url }) => `import json, os, urllib.request

URL, KEY = "${url}", os.environ["FABLEFRAME_API_KEY"]

def call(path, body=None):
    data = json.dumps(body).encode() if body else None
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers)) as answer:
        return json.load(answer)

story = call("/stories", ${python(request)})
while story["status"] in ("queued", "running"):
    story = call(f"/stories/{story['id']}?wait=50")
for frame in story["frames"]:
    print(frame["url"])`,

  'Web component': ({ url, link }) => `<script type="module" src="${url}/element.js"></script>

<fable-story src="${link ?? `${url}/stories/…/events?exp=…&sig=…`}"></fable-story>`,
}

/** As one writes it: bare names, single quotes. */
function javascript(value: unknown, indent = ''): string {
  const deeper = `${indent}  `
  if (typeof value === 'string')
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
  if (Array.isArray(value))
    return block(
      '[',
      ']',
      value.map((one) => javascript(one, deeper)),
      indent,
    )
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return block(
    '{',
    '}',
    Object.entries(value).map(([name, one]) => `${name}: ${javascript(one, deeper)}`),
    indent,
  )
}

function python(value: unknown, indent = ''): string {
  const deeper = `${indent}    `
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (Array.isArray(value))
    return block(
      '[',
      ']',
      value.map((one) => python(one, deeper)),
      indent,
      '    ',
    )
  // JSON's strings and numbers are Python's too.
  if (typeof value !== 'object') return JSON.stringify(value)
  return block(
    '{',
    '}',
    Object.entries(value).map(([name, one]) => `"${name}": ${python(one, deeper)}`),
    indent,
    '    ',
  )
}

function block(open: string, close: string, parts: string[], indent: string, step = '  '): string {
  if (parts.length === 0) return open + close
  return `${open}\n${parts.map((part) => `${indent}${step}${part}`).join(',\n')},\n${indent}${close}`
}

/** For the eye: what is copied is whole. */
export const shortened = (code: string): string =>
  code.replace(/(data:image\/\w+;base64,.{12})[^'"\s]{24,}/g, (_, start) => `${start}…`)
