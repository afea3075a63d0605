/** What is on the screen, as code. */
import { useState } from 'preact/hooks'
import type { Story, StoryParams } from '../../../sdk/src/types.ts'
import { hereOf } from '../client.ts'
import { LANGUAGES, type Language, shortened, snippetOf } from '../state/snippets.ts'
import { Icon } from './icons.tsx'

export function Snippets({ request, story }: { request: StoryParams; story: Story | null }) {
  const [language, setLanguage] = useState<Language>('curl')
  const [copied, setCopied] = useState<Language | null>(null)
  const url = location.origin
  const link = story ? url + hereOf(story.urls.events) : null
  const code = snippetOf(language, { request, url, link })
  const copy = async () => {
    await navigator.clipboard.writeText(code)
    setCopied(language)
    setTimeout(() => setCopied(null), 2000)
  }
  const choose = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const next = LANGUAGES.at((LANGUAGES.indexOf(language) + step) % LANGUAGES.length)!
    setLanguage(next)
    document.getElementById(`tab-${LANGUAGES.indexOf(next)}`)?.focus()
  }
  return (
    <section class="snippets" aria-labelledby="snippets">
      <div class="section-head">
        <h2 id="snippets">In your app</h2>
        <p>Exactly what is on the screen, as a request.</p>
      </div>
      <div class="card code">
        <div class="code-head">
          <div role="tablist" aria-label="Language">
            {LANGUAGES.map((name, i) => (
              <button
                type="button"
                role="tab"
                key={name}
                id={`tab-${i}`}
                aria-selected={name === language}
                aria-controls="code"
                tabIndex={name === language ? 0 : -1}
                onClick={() => setLanguage(name)}
                onKeyDown={choose}
              >
                {name}
              </button>
            ))}
          </div>
          <button type="button" class="quiet" onClick={copy}>
            <Icon name={copied ? 'done' : 'copy'} /> {copied ? 'Copied' : 'Copy'}
            <span class="hidden"> as {language}</span>
          </button>
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it. */}
        <pre id="code" role="tabpanel" aria-labelledby={`tab-${LANGUAGES.indexOf(language)}`} tabIndex={0}>
          <code>{shortened(code)}</code>
        </pre>
        <p class="hidden" aria-live="polite">
          {copied ? `Copied as ${copied}` : ''}
        </p>
      </div>
    </section>
  )
}
