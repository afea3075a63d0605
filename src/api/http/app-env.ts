/** What a route finds in its context, besides the bindings of the Worker. */
import type { RequestIdVariables } from 'hono/request-id'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ProblemName } from '../../../contract/problem.ts'
import type { Db } from '../../db/client.ts'
import type { ApiKeyRow } from '../../db/keys/api-keys.ts'
import type { ModelCache } from '../../db/runners/list.ts'
import type { Reader } from '../../db/stories/stories.ts'
import type { ClientToken } from '../../platform/client-token.ts'
import type { Bindings, Settings, Tools } from '../../platform/env.ts'
import type { RateLimiter } from './rate-limiter.ts'

/** What a problem says, for whoever puts it into another form. */
export interface Refusal {
  readonly problem: ProblemName
  readonly message: string
  readonly faults: readonly { pointer: string; message: string }[] | undefined
  readonly headers: Record<string, string>
}

export interface AppEnv {
  Bindings: Bindings
  Variables: RequestIdVariables & {
    db: Db
    settings: Settings
    tools: Tools
    limiter: RateLimiter
    models: ModelCache
    /** Unset where a token, a link or nothing at all was asked for. */
    apiKey: ApiKeyRow
    /** Of the key that was shown: SHA-256 in hex. */
    keyHash: string
    /** Set where a client token was shown; `apiKey` is then that of the key that made it. */
    clientToken?: ClientToken
    /** Whose stories the answer may show. */
    reader: Reader
    /** Whose pages may read the answer, besides our own: one origin, or `*`. See `cors.ts`. */
    openTo?: string
    /** How a problem is answered where it is not to be a problem document. */
    respond?: (refusal: Refusal, status: ContentfulStatusCode) => Response
    /** A rotation is to be answered again to the key that it replaced, and nothing else is to be done. */
    onlyReplay?: true
  }
}
