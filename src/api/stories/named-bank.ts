/** The character bank that a posted story names: found, validated, and named by its hash for the runner. */
import type { Context } from 'hono'
import { type BankCharacter, BankError, readBankHeader } from '../../../contract/bank.ts'
import type { NamedBank } from '../../../contract/character.ts'
import { findStory } from '../../db/stories/stories.ts'
import { sha256 } from '../../platform/ids.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { decodeBase64 } from '../characters/reference-pictures.ts'
import type { AppEnv } from '../http/app-env.ts'
import type { Fault } from '../http/problems.ts'

export interface FoundBank {
  /** For `StoryRequest.bank`. */
  source: string
  /** Null for one that the runner is to fetch. */
  known: { model: string; cast: BankCharacter[]; bytes: Uint8Array<ArrayBuffer>; sha256: string } | null
}

/** In R2, under its hash, so that a continued story finds the bank that it continues from. */
export const bankKey = (storyId: string, hash: string) => `stories/${storyId}/bank-${hash}.safetensors`

export async function findBank(c: Context<AppEnv>, named: NamedBank): Promise<FoundBank | { faults: Fault[] }> {
  const fault = (pointer: string, message: string) => ({ faults: [{ pointer, message }] })
  const { id, url, data } = named
  if (id !== undefined) {
    const found = await findStory(c.var.db, id, c.var.reader)
    if (!found) return fault('/bank/id', `no story ${id} under this API key`)
    const { bank } = found.story
    const object = bank && (await c.env.IMAGES.get(bankKey(id, bank.sha256)))
    if (!bank || !object) return fault('/bank/id', `story ${id} is ${found.story.status} and has no bank`)
    const bytes = new Uint8Array(await object.arrayBuffer())
    return {
      source: `sha256:${bank.sha256}`,
      known: { model: bank.model, cast: bank.cast, bytes, sha256: bank.sha256 },
    }
  }
  if (url !== undefined) {
    const wrong = refuseUrl(url, c.var.settings.ALLOW_INSECURE_WEBHOOKS === '1')
    return wrong === undefined ? { source: url, known: null } : fault('/bank/url', wrong)
  }
  const bytes = decodeBase64(data ?? '')
  if (!bytes) return fault('/bank/data', 'base64')
  try {
    const { model, cast } = readBankHeader(bytes)
    const hash = await sha256(bytes)
    return { source: `sha256:${hash}`, known: { model: model.name, cast, bytes, sha256: hash } }
  } catch (error) {
    if (error instanceof BankError) return fault('/bank/data', error.message)
    throw error
  }
}
