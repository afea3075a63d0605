/** RunPod: pods that were made once, with the runner's image, and are started and stopped (docs.runpod.io, REST API v1). */
import { type Adapter, callApi, type Fetch, startSome } from './adapter.ts'

const API = 'https://rest.runpod.io/v1'

export function runpodAdapter({ token, pods }: { token: string; pods: string[] }, fetch: Fetch): Adapter {
  const call = (pod: string, what: 'start' | 'stop') => callApi(fetch, `${API}/pods/${pod}/${what}`, { token })
  return {
    start: (count) => startSome(pods, count, (pod) => call(pod, 'start')),
    stop: async () => void (await Promise.all(pods.map((pod) => call(pod, 'stop')))),
  }
}
