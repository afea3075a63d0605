/** RunPod: pods that were made once, with the runner's image, and are started and stopped (docs.runpod.io, REST API v1). */
import { type Adapter, callApi, type Fetch } from './adapter.ts'

const API = 'https://rest.runpod.io/v1'

export function runpodAdapter({ token, pods }: { token: string; pods: string[] }, fetch: Fetch): Adapter {
  const call = (pod: string, what: 'start' | 'stop') => callApi(fetch, `${API}/pods/${pod}/${what}`, { token })
  return {
    start: (count) => startSome(pods, count, (pod) => call(pod, 'start')),
    stop: async () => void (await Promise.all(pods.map((pod) => call(pod, 'stop')))),
  }
}

/** Start machines one after the other until `count` have agreed; throws the last refusal when none did. */
export async function startSome(
  machines: string[],
  count: number,
  start: (machine: string) => Promise<void>,
): Promise<void> {
  let started = 0
  let refusal: unknown
  for (const machine of machines) {
    if (started === count) return
    try {
      await start(machine)
      started++
    } catch (error) {
      // It has no GPU free, or runs already; another may have one.
      refusal = error
    }
  }
  if (started === 0) throw refusal ?? new Error('there are no machines to start')
}
