/** The devices that graphs run on, by the names of onnxruntime's providers. */

export const devices = ['cpu', 'webgpu', 'cuda'] as const
export type Device = (typeof devices)[number]
export const isDevice = (name: string): name is Device => (devices as readonly string[]).includes(name)

/** The provider is not in this installation, or found no device that it can use. */
export class DeviceUnavailable extends Error {
  override name = 'DeviceUnavailable'
  /** In onnxruntime's words. */
  readonly reason: string

  constructor(device: Device, cause: unknown) {
    const words = cause instanceof Error ? cause.message : String(cause)
    // The message begins with a place in onnxruntime's source.
    const reason = words
      .replace(/\s+/g, ' ')
      .trim()
      .replace(/^.* was false\. /, '')
    super(`${device} cannot be used here: ${reason}; \`npm run doctor\` says what is missing`, { cause })
    this.reason = reason
  }
}
