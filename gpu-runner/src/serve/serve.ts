/** `main.ts --serve`: the model behind Cog's HTTP wire instead of an edge's queue. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { StoryGenerator } from '../service/queue/attempt.ts'
import type { Log } from '../service/queue/client.ts'
import { cogServer } from './http.ts'
import { CogService, type ServiceOptions } from './service.ts'

/** The version of Cog whose wire this is. */
export const COG_VERSION = '0.22.0'

export interface ServeCogOptions extends ServiceOptions {
  port: number
  host: string
  /** Aborted when the process is to stop. */
  signal: AbortSignal
  /** Called by `POST /shutdown`. */
  onShutdown: () => void
  log: Log
}

/** Serves until `signal` is aborted; what is under way is canceled then. A model that does not open is said by `/health-check`. */
export async function serveCog(
  generator: StoryGenerator & { open(): Promise<unknown> },
  { port, host, signal, onShutdown, log, ...options }: ServeCogOptions,
): Promise<void> {
  const service = new CogService(generator, options)
  const server = cogServer(service, { version: COG_VERSION, onShutdown })
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve())
    if (signal.aborted) resolve()
  })
  server.listen(port, host)
  await once(server, 'listening')
  log('serve.listening', { port: (server.address() as AddressInfo).port })
  const opened = service.open().then(() => log(`serve.setup_${service.setup.status}`, { logs: service.setup.logs }))
  await stopped
  await Promise.race([opened, stopped])
  await service.stop()
  server.close()
  server.closeAllConnections()
}
