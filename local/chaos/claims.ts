/** What the simulated machines know of each other's claims, so that the late one can come back at the worst moment. */

export interface ClaimLog {
  /** The edge has answered a claim of the story with this lease. */
  note(story: string, leaseToken: string): void
  /** Resolves to true once the story is claimed under another lease, to false when `signal` comes before that. */
  again(story: string, leaseToken: string, signal: AbortSignal): Promise<boolean>
  /** Stories that were claimed lately, so that they probably run. */
  recent(): string[]
}

const RECENT = 24

export function watchClaims(): ClaimLog {
  const holders = new Map<string, string>()
  const waiting = new Map<string, Set<() => void>>()
  return {
    note(story, leaseToken) {
      // Again at the end, where the latest are.
      holders.delete(story)
      holders.set(story, leaseToken)
      for (const wake of waiting.get(story) ?? []) wake()
    },
    async again(story, leaseToken, signal) {
      const isClaimedAgain = () => holders.get(story) !== leaseToken
      const wakers = waiting.get(story) ?? new Set()
      waiting.set(story, wakers)
      while (!isClaimedAgain() && !signal.aborted)
        await new Promise<void>((wake) => {
          wakers.add(wake)
          signal.addEventListener('abort', () => wake(), { once: true })
        })
      return isClaimedAgain()
    },
    recent: () => [...holders.keys()].slice(-RECENT),
  }
}
