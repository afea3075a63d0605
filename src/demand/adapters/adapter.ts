/** What starts and stops runners somewhere. */
import type { Demand } from '../../../contract/demand.ts'

export interface Adapter {
  /** Ask for `count` more runners. Throws when that is refused; asking twice for the same is harmless. */
  start(count: number, demand: Demand): Promise<void>
  /** No runner is wanted, and none is there: what they ran on may stop. */
  stop(demand: Demand): Promise<void>
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

const TIMEOUT_MS = 20_000

/** Call a platform's API; throws with its words unless it agrees. `mayBe` are statuses that are no failure either. */
export async function callApi(
  fetch: Fetch,
  url: string,
  { token, body, mayBe = [] }: { token: string; body?: object; mayBe?: number[] },
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  if (!response.ok && !mayBe.includes(response.status))
    throw new Error(`${new URL(url).host} answered ${response.status}: ${text.slice(0, 300)}`)
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
