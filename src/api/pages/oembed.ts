/** `GET /oembed`: how an embed page is put into another page (https://oembed.com). */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { html } from 'hono/html'
import { z } from 'zod'
import type { Story } from '../../../contract/story-view.ts'
import { findStory } from '../../db/stories/stories.ts'
import { generationOf, refuseSignedUrl } from '../../platform/signed-url.ts'
import { viewOf } from '../../views/story.ts'
import type { AppEnv } from '../http/app-env.ts'
import { openToPages } from '../http/cors.ts'
import { wrongCredential } from '../http/guesses.ts'
import { originOf } from '../http/origin.ts'
import { ProblemError } from '../http/problems.ts'
import { limit } from '../http/rate-limit.ts'
import { newRoutes, problems } from '../http/routes.ts'
import { coverOf, titleOf } from './embed.ts'

const Pixels = z.coerce.number().int('a whole number').min(1, 'at least 1')

/** Consumers may send more: the specification has them ignored. */
const Query = z.looseObject({
  url: z.url('the link of an embed page, as `urls.embed` of a story').describe('`urls.embed` of a story'),
  format: z.enum(['json', 'xml'], 'json or xml').default('json'),
  maxwidth: Pixels.optional().describe('CSS pixels'),
  maxheight: Pixels.optional().describe('CSS pixels'),
})

const OEmbed = z
  .object({
    version: z.literal('1.0'),
    type: z.literal('rich'),
    title: z.string(),
    provider_name: z.literal('Fableframe'),
    provider_url: z.url(),
    cache_age: z.int().describe('Seconds'),
    html: z.string().describe('An iframe'),
    width: z.int(),
    height: z.int(),
    thumbnail_url: z.url().optional(),
    thumbnail_width: z.int().optional(),
    thumbnail_height: z.int().optional(),
  })
  .meta({ id: 'OEmbed' })

const oembedRoute = createRoute({
  method: 'get',
  path: '/oembed',
  summary: 'How a story is embedded (oEmbed)',
  description:
    'For the link `urls.embed` of a story, which says by itself that it may be shown. See https://oembed.com.',
  tags: ['Embedding'],
  security: [],
  middleware: [openToPages] as const,
  request: { query: Query },
  responses: {
    200: {
      description: 'An iframe with the story',
      content: { 'application/json': { schema: OEmbed }, 'text/xml': { schema: z.string() } },
    },
    ...problems('unauthorized', 'not-found', 'rate-limited', 'validation'),
  },
})

export const oembedRoutes = newRoutes().openapi(oembedRoute, async (c) => {
  const { url, format, maxwidth, maxheight } = c.req.valid('query')
  const story = await storyAt(c, url)
  const answer = answerFor(story, url, { width: maxwidth, height: maxheight })
  if (format === 'json') return c.json(answer, 200)
  return c.body(await xml(answer), 200, { 'content-type': 'text/xml; charset=utf-8' })
})

/** The story whose embed page the link opens. */
async function storyAt(c: Context<AppEnv>, url: string): Promise<Story> {
  const { origin, pathname } = new URL(url)
  const [, id] = /^\/stories\/([a-z2-7]{26})\/embed$/.exec(pathname) ?? []
  const ours = [originOf(c), new URL(c.req.url).origin]
  if (id === undefined || !ours.includes(origin))
    throw new ProblemError(
      'not-found',
      `${ours[0]}/stories/{id}/embed is what can be embedded from here, not ${url.slice(0, 200)}`,
    )
  const refusal = refuseSignedUrl(url, c.var.tools.now(), c.var.settings)
  if (refusal) throw wrongCredential(c, refusal)
  limit(c, id, { name: 'link', quota: c.var.settings.RATE_LIMIT_LINK })
  const found = await findStory(c.var.db, id, { linkGeneration: generationOf(url) })
  if (!found || found.story.dataRemovedAt !== null) throw new ProblemError('not-found', `no story ${id} to be shown`)
  return viewOf(found, c.var.settings)
}

const USUAL_WIDTH = 640
/** Of a caption under a picture, and of the title above them all. */
const CAPTION = 64
const TITLE = 72

function answerFor(story: Story, url: string, most: { width: number | undefined; height: number | undefined }) {
  const width = Math.min(USUAL_WIDTH, most.width ?? USUAL_WIDTH)
  const height = Math.min(heightAt(width, story), most.height ?? Number.POSITIVE_INFINITY)
  const title = titleOf(story)
  const cover = coverOf(story)
  const frame = html`<iframe src="${url}" width="${width}" height="${height}" title="${title}" style="border:0;max-width:100%" loading="lazy"></iframe>`
  return {
    version: '1.0' as const,
    type: 'rich' as const,
    title,
    provider_name: 'Fableframe' as const,
    provider_url: new URL(url).origin,
    cache_age: story.completed_at === null ? 10 : 3600,
    html: String(frame),
    width,
    height,
    // The specification wants all three or none.
    ...(cover?.width && cover.height
      ? { thumbnail_url: cover.url, thumbnail_width: cover.width, thumbnail_height: cover.height }
      : {}),
  }
}

/** About what the page takes with two frames side by side; it says exactly by `postMessage`. */
function heightAt(width: number, { frames }: Story): number {
  const { width: w = null, height: h = null } = frames.find(({ url }) => url !== null) ?? {}
  const columns = Math.min(2, frames.length)
  const picture = (width / columns) * ((h ?? 1) / (w ?? 1))
  return Math.round(TITLE + Math.ceil(frames.length / columns) * (picture + CAPTION))
}

async function xml(answer: z.infer<typeof OEmbed>): Promise<string> {
  const parts = Object.entries(answer).map(([name, value]) => [name, String(html`${String(value)}`)] as const)
  return `<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<oembed>
${parts.map(([name, text]) => `<${name}>${text}</${name}>`).join('\n')}
</oembed>
`
}
