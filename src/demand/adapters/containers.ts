/** Cloudflare Containers: each runner is the container of one Durable Object, `RunnerContainer`. CPU only. */
import type { DurableObjectNamespace } from '@cloudflare/workers-types'
import { OBJECT } from '../../durable/call.ts'
import type { Adapter } from './adapter.ts'

export function containersAdapter(namespace: DurableObjectNamespace, most: number): Adapter {
  const all = Array.from({ length: most }, (_, i) => `runner-${i}`)
  const call = async (name: string, method: 'POST' | 'DELETE') => {
    const response = await namespace.get(namespace.idFromName(name)).fetch(OBJECT, { method })
    if (!response.ok) throw new Error(`the container ${name} was answered ${response.status}: ${await response.text()}`)
    return response.status
  }
  return {
    async start(count) {
      let started = 0
      // 200: it ran already.
      for (const name of all) if (started < count && (await call(name, 'POST')) === 201) started++
    },
    stop: async () => void (await Promise.all(all.map((name) => call(name, 'DELETE')))),
  }
}
