/** `GET /stories/{id}/embed`: a story as a page for iframes, which also unfolds where its link is pasted. */
import { createRoute } from '@hono/zod-openapi'
import { html, raw } from 'hono/html'
import { z } from 'zod'
import { isTerminal, type Story } from '../../../contract/story-view.ts'
import { findKey } from '../../db/keys/api-keys.ts'
import { findStory } from '../../db/stories/stories.ts'
import { viewOf } from '../../views/story.ts'
import { requireReader } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { newRoutes, openToLinks, problems } from '../http/routes.ts'
import { noSuchStory, StoryParams } from '../stories/stories.ts'

export const EmbedLayout = z.enum(['strip', 'grid', 'book']).default('grid')

const embedRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/embed',
  summary: 'A story as a page for iframes',
  description:
    '`urls.embed` of a story is a link to this page that needs no API key. It shows frames as they are finished, and ' +
    'tells the page around it its height: `{ type: "fableframe:height", story, height }` by `postMessage`. The origins of ' +
    'the API key may frame it; if it has none, any page may.',
  tags: ['Embedding'],
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: StoryParams, query: z.object({ layout: EmbedLayout }) },
  responses: {
    200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
    ...problems('unauthorized', 'not-found', 'validation'),
  },
})

export const embedRoutes = newRoutes().openapi(embedRoute, async (c) => {
  const { id } = c.req.valid('param')
  const found = await findStory(c.var.db, id, c.var.reader)
  if (!found) throw noSuchStory(id)
  if (found.story.dataRemovedAt !== null)
    throw new ProblemError('not-found', `the pictures of story ${id} were removed`)
  const key = await findKey(c.var.db, found.story.apiKeyId)
  const story = viewOf(found, c.var.settings)
  return c.html(page(story, c.req.valid('query').layout), 200, {
    'content-security-policy': policyFor(key?.origins ?? [], new URL(story.urls.embed).origin),
    'referrer-policy': 'no-referrer',
    'cache-control': 'private, no-cache',
  })
})

/**
 * Whoever has the link sees the pictures, and the page has nothing to be clicked by deception: without a list, any page
 * may frame it. `own` is where links lead, which may be another name of the host that was asked.
 */
function policyFor(origins: readonly string[], own: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' ${own}`,
    `connect-src 'self' ${own}`,
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${origins.length > 0 ? ["'self'", ...origins].join(' ') : '*'}`,
  ].join('; ')
}

export const titleOf = ({ title, frames }: Story) => title ?? frames[0]?.prompt ?? 'A story'

/** The picture that stands for a story: all frames on one page, or the first that is there. */
export function coverOf({ urls, frames }: Story) {
  if (urls.storyboard) return { url: urls.storyboard }
  const first = frames.find(({ url }) => url !== null)
  return first?.url ? { url: first.url, width: first.width, height: first.height } : undefined
}

/** Also without JavaScript: the pictures are there already, and a story that is not over is loaded again. */
function page(story: Story, layout: z.infer<typeof EmbedLayout>) {
  const { frames, urls, status } = story
  const title = titleOf(story)
  const cover = coverOf(story)
  const oembed = `${new URL(urls.embed).origin}/oembed?url=${encodeURIComponent(urls.embed)}`
  const description = frames.map(({ prompt }) => prompt).join('. ')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<meta name="description" content="${description}">
<link rel="canonical" href="${urls.embed}">
<link rel="icon" href="/playground/icon.svg" type="image/svg+xml">
<link rel="alternate" type="application/json+oembed" href="${oembed}&format=json" title="${title}">
<link rel="alternate" type="text/xml+oembed" href="${oembed}&format=xml" title="${title}">
<meta property="og:type" content="article">
<meta property="og:site_name" content="Fableframe">
<meta property="og:title" content="${title}">
<meta property="og:description" content="${description}">
<meta property="og:url" content="${urls.embed}">
${
  cover &&
  html`<meta property="og:image" content="${cover.url}">
<meta property="og:image:type" content="image/png">
<meta property="og:image:alt" content="${description}">
<meta name="twitter:card" content="summary_large_image">`
}
<link rel="stylesheet" href="/embed/embed.css">
${isTerminal(status) ? '' : raw('<noscript><meta http-equiv="refresh" content="5"></noscript>')}
<script type="module" src="/element.js"></script>
<script type="module" src="/embed/embed.js"></script>
</head>
<body data-story="${story.id}">
<main>
<h1>${title}</h1>
<fable-story src="${urls.events}" layout="${layout}" ratio="${ratioOf(story)}">
${frames.map(frame)}
</fable-story>
</main>
</body>
</html>
`
}

/** Of pictures that are not there yet. */
function ratioOf({ frames }: Story): string {
  const first = frames.find(({ width }) => width !== null)
  return `${first?.width ?? 1}/${first?.height ?? 1}`
}

const frame = ({ url, prompt, width, height }: Story['frames'][number]) =>
  url === null
    ? html`<figure><div class="pending"></div><figcaption>${prompt}</figcaption></figure>`
    : html`<figure><img src="${url}" alt="${prompt}" width="${width}" height="${height}"><figcaption>${prompt}</figcaption></figure>`
