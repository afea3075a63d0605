/** Fly Machines: made once, with the runner's image, started and stopped or suspended (fly.io/docs/machines/api). */
import { type Adapter, callApi, type Fetch, startSome } from './adapter.ts'

const API = 'https://api.machines.dev/v1'

export function flyAdapter(
  { token, app, machines, rest }: { token: string; app: string; machines: string[]; rest: 'stop' | 'suspend' },
  fetch: Fetch,
): Adapter {
  const call = (machine: string, what: 'start' | 'stop' | 'suspend', mayBe: number[] = []) =>
    callApi(fetch, `${API}/apps/${app}/machines/${machine}/${what}`, { token, mayBe })
  return {
    start: (count) => startSome(machines, count, (machine) => call(machine, 'start')),
    // 412: it is not running, which is what is wanted.
    stop: async () => void (await Promise.all(machines.map((machine) => call(machine, rest, [412])))),
  }
}
