/** Character banks of stories: handed over by runners, downloaded by apps. What they are: `contract/bank.ts`. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { BANK_TYPE, BankError, readBankHeader } from '../../../contract/bank.ts'
import { LEASE_HEADER, LeaseToken } from '../../../contract/runner.ts'
import { LIMITS } from '../../../contract/story.ts'
import { keepBank } from '../../db/queue/leases.ts'
import { findStory } from '../../db/stories/stories.ts'
import { sha256 } from '../../platform/ids.ts'
import { announce } from '../http/announce.ts'
import { requireApiKey, requireRunner } from '../http/auth.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { binary, json, limitBody, newRoutes, problems } from '../http/routes.ts'
import { leaseOf, requireLease, staleLease } from '../runner/runner.ts'
import { bankKey } from './named-bank.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const file = { [BANK_TYPE]: { schema: binary() } }

const readRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/bank.safetensors',
  summary: 'The character bank of a story',
  description: 'A safetensors file: whoever has it can tell more stories with the same characters, by the same model.',
  tags: ['Stories'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    200: { description: 'The bank', content: file },
    304: { description: 'Unchanged' },
    ...problems('unauthorized', 'not-found'),
  },
})

const keepRoute = createRoute({
  method: 'put',
  path: '/runner/stories/{id}/bank',
  summary: 'Upload the character bank',
  description: 'Once the frames are sampled, before any of them is uploaded. It takes the place of an earlier one.',
  tags: ['Runner'],
  security: [{ runnerToken: [] }],
  middleware: [requireRunner, limitBody(LIMITS.bankBytes)] as const,
  request: {
    params: StoryParams,
    headers: z.object({ [LEASE_HEADER]: LeaseToken }),
    body: { required: true, content: file },
  },
  responses: {
    200: json(z.object({ sha256: z.string() }), 'What is stored'),
    ...problems('unauthorized', 'not-found', 'stale-lease', 'too-large', 'validation'),
  },
})

export const bankRoutes = newRoutes()
  .openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.apiKey.id)
    if (!found) throw noSuchStory(id)
    const { bank } = found.story
    if (!bank) throw new ProblemError('not-found', `story ${id} has no bank (yet)`)
    const headers = { etag: `"${bank.sha256}"`, 'cache-control': 'private, no-cache' }
    if (c.req.header('if-none-match') === headers.etag) return c.body(null, 304, headers)
    const object = await c.env.IMAGES.get(bankKey(id, bank.sha256))
    if (!object) throw new ProblemError('not-found', `the bank of story ${id} is no longer stored`)
    return c.body(await object.arrayBuffer(), 200, { ...headers, 'content-type': BANK_TYPE })
  })
  .openapi(keepRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    await requireLease(c, id)
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    const { model, cast } = headerOf(bytes)
    const hash = await sha256(bytes)
    // Not deleted when the lease turns out stale: another runner may have stored the same. It goes with the story.
    await c.env.IMAGES.put(bankKey(id, hash), bytes, { sha256: hash, httpMetadata: { contentType: BANK_TYPE } })
    const kept = await keepBank(db, id, leaseToken, { sha256: hash, bytes: bytes.length, model: model.name, cast })
    if (!kept) throw await staleLease(c, id)
    announce(c, id)
    return c.json({ sha256: hash }, 200)
  })

function headerOf(bytes: Uint8Array) {
  try {
    return readBankHeader(bytes)
  } catch (error) {
    if (error instanceof BankError) throw invalid([{ pointer: '', message: `the bank ${error.message}` }])
    throw error
  }
}
