/** `node doctor-device.ts <device>`: the check of one device as JSON. A process of its own, because a driver may crash. */
import { checkDevice } from '../engine/runtime/check-device.ts'
import { DeviceUnavailable, isDevice } from '../engine/runtime/device.ts'

const [device = ''] = process.argv.slice(2)
if (!isDevice(device)) throw new RangeError(`no device '${device}'`)
const outcome = await checkDevice(device).catch((error) => {
  if (error instanceof DeviceUnavailable) return { problem: error.reason }
  throw error
})
process.stdout.write(`${JSON.stringify(outcome)}\n`)
