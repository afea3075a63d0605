/** `GET /stories/{id}/bank.safetensors`: the character bank of a story. What a bank is: `contract/bank.ts`. */
import { createRoute } from '@hono/zod-openapi'
import { BANK_TYPE } from '../../../contract/bank.ts'
import { findStory } from '../../db/stories/stories.ts'
import { requireReader } from '../http/auth.ts'
import { isKnownTo } from '../http/if-none-match.ts'
import { ProblemError } from '../http/problems.ts'
import { binary, newRoutes, openToLinks, problems } from '../http/routes.ts'
import { bankKey } from './named-bank.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const readRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/bank.safetensors',
  summary: 'The character bank of a story',
  description:
    'A safetensors file. With it, the same model can generate more stories with the same characters, on any machine.',
  tags: ['Stories'],
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: StoryParams },
  responses: {
    200: { description: 'The bank', content: { [BANK_TYPE]: { schema: binary() } } },
    304: { description: 'Unchanged' },
    ...problems('unauthorized', 'not-found'),
  },
})

export const bankRoutes = newRoutes().openapi(readRoute, async (c) => {
  const { id } = c.req.valid('param')
  const found = await findStory(c.var.db, id, c.var.reader)
  if (!found) throw noSuchStory(id)
  const { bank } = found.story
  if (!bank) throw new ProblemError('not-found', `story ${id} has no bank (yet)`)
  const headers = { etag: `"${bank.sha256}"`, 'cache-control': 'private, no-cache' }
  if (isKnownTo(c.req.header('if-none-match'), headers.etag)) return c.body(null, 304, headers)
  const object = await c.env.IMAGES.get(bankKey(id, bank.sha256))
  if (!object) throw new ProblemError('not-found', `the bank of story ${id} is no longer stored`)
  return c.body(await object.arrayBuffer(), 200, { ...headers, 'content-type': BANK_TYPE })
})
