/** Memory in pages of 2 MB, for processes that open large models on Linux. */

/** The setting, for whoever starts the process. */
export const hugePages = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const

/**
 * Start this process again, in place, with the setting that makes glibc ask for huge pages; call it before anything else.
 *
 * glibc reads its tunables only when a process starts. Opening a checkpoint touches gigabytes of fresh memory: with 4 KB
 * pages a half-precision SD 1.5 took 40 s to open, with huge ones 7 s. Elsewhere (musl, macOS, Windows) and where the
 * variable is set already, nothing happens. A process with a channel to its parent would lose it: there the parent sets it.
 */
export function withHugePages(env: NodeJS.ProcessEnv = process.env): void {
  if (process.platform !== 'linux' || env.GLIBC_TUNABLES !== undefined || process.connected || !process.execve) return
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...env, ...hugePages })
}
