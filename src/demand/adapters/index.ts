/** The adapter that the setting WAKE names. */
import type { Bindings, Settings, Tools } from '../../platform/env.ts'
import { base32 } from '../../platform/ids.ts'
import type { Adapter } from './adapter.ts'
import { containersAdapter } from './containers.ts'
import { flyAdapter } from './fly.ts'
import { runpodAdapter } from './runpod.ts'
import { webhookAdapter } from './webhook.ts'

/** Undefined when nothing is to be woken. `readSettings` has checked that an adapter has what it needs. */
export function openAdapter(env: Pick<Bindings, 'CONTAINERS'>, settings: Settings, tools: Tools): Adapter | undefined {
  const { WAKE_URL = '', WAKE_SECRET = '', RUNPOD_API_KEY = '', FLY_API_TOKEN = '', FLY_APP = '' } = settings
  switch (settings.WAKE) {
    case undefined:
      return undefined
    case 'webhook': {
      const newId = () => base32(tools.randomBytes(16))
      return webhookAdapter({ url: WAKE_URL, secret: WAKE_SECRET }, { fetch: tools.fetch, now: tools.now, newId })
    }
    case 'runpod':
      return runpodAdapter({ token: RUNPOD_API_KEY, pods: settings.RUNPOD_PODS }, tools.fetch)
    case 'fly':
      return flyAdapter(
        { token: FLY_API_TOKEN, app: FLY_APP, machines: settings.FLY_MACHINES, rest: settings.FLY_REST },
        tools.fetch,
      )
    case 'containers':
      if (!env.CONTAINERS) throw new Error('WAKE is containers, and there is no binding CONTAINERS')
      return containersAdapter(env.CONTAINERS, settings.MAX_RUNNERS)
  }
}
