/** `PUT /runner/stories/{id}/bank`: the character bank of a story, which `GET /stories/{id}/bank.safetensors` reads. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { BANK_TYPE, BankError, readBankHeader } from '../../../contract/bank.ts'
import { LIMITS } from '../../../contract/story.ts'
import { keepBank } from '../../db/stories/pages.ts'
import { sha256 } from '../../platform/ids.ts'
import { announce } from '../http/announce.ts'
import { limitBody } from '../http/body.ts'
import { invalid } from '../http/problems.ts'
import { binary, json, newRoutes, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { bankKey } from '../stories/named-bank.ts'
import { StoryParams } from '../stories/stories.ts'
import { LeaseHeaders, leaseOf, leaseProblems, staleLease } from './lease.ts'
import { storeUnderLease } from './store-picture.ts'

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
    headers: LeaseHeaders,
    body: { required: true, content: { [BANK_TYPE]: { schema: binary() } } },
  },
  responses: {
    200: json(z.object({ sha256: z.string() }), 'What is stored'),
    ...leaseProblems,
    ...problems('too-large', 'validation'),
  },
})

export const runnerBankRoutes = newRoutes().openapi(keepRoute, async (c) => {
  const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const { model, cast } = headerOf(bytes)
  const hash = await sha256(bytes)
  const key = bankKey(id, hash)
  await storeUnderLease(c, id, { key, bytes, sha256: hash, contentType: BANK_TYPE })
  // Not deleted at once when the lease turns out stale: another runner may have stored the same.
  const kept = await keepBank(db, id, leaseToken, { key, sha256: hash, bytes: bytes.length, model: model.name, cast })
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
