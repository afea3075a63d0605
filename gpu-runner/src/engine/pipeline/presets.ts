/**
 * How models of few steps are sampled: by the names of their files, which is all that most of them tell. A story may say
 * otherwise.
 */

export interface Preset {
  readonly name: string
  readonly steps: number
  readonly guidance: number
  /** Changes of the model's scheduler_config.json. */
  readonly scheduler: Readonly<Record<string, unknown>>
}

type Known = Omit<Preset, 'name'>

const lcm: Known = { steps: 4, guidance: 1, scheduler: { _class_name: 'LCMScheduler' } }
const trailing = { timestep_spacing: 'trailing' }

/** As their authors say; the first that a name matches counts. */
const known: readonly (readonly [RegExp, string, Known])[] = [
  [/hyper[-_ ]?sd.*unified/i, 'Hyper-SD', { steps: 4, guidance: 1, scheduler: { _class_name: 'TCDScheduler' } }],
  [/hyper[-_ ]?sd/i, 'Hyper-SD', { steps: 8, guidance: 1, scheduler: { _class_name: 'DDIMScheduler', ...trailing } }],
  [
    /lightning/i,
    'Lightning',
    { steps: 4, guidance: 1, scheduler: { _class_name: 'EulerDiscreteScheduler', ...trailing } },
  ],
  [/dmd[-_ ]?2/i, 'DMD2', lcm],
  [/(?:^|[^a-z])lcm(?:[^a-z]|$)/i, 'LCM', lcm],
  [/(?:^|[^a-z])tcd(?:[^a-z]|$)/i, 'TCD', { ...lcm, scheduler: { _class_name: 'TCDScheduler' } }],
  [
    /turbo/i,
    'Turbo',
    { steps: 4, guidance: 1, scheduler: { _class_name: 'EulerAncestralDiscreteScheduler', ...trailing } },
  ],
]

/** A scheduler that only models of few steps have. */
const byScheduler: Readonly<Record<string, string>> = { LCMScheduler: 'LCM', TCDScheduler: 'TCD' }

/**
 * Of a model that is called `names`: itself, and the UNet and LoRA files that are used with it. A number of steps in a
 * name, "4step", is taken. Null where none says anything, and for a rectified flow, which has no such models.
 */
export function presetOf(names: readonly string[], scheduler: object): Preset | null {
  const own = '_class_name' in scheduler ? String(scheduler._class_name) : ''
  if (own.startsWith('FlowMatch')) return null
  for (const name of names) {
    const found = known.find(([pattern]) => pattern.test(name))
    if (!found) continue
    const [, preset, settings] = found
    const steps = Number(/(\d{1,2})[-_ ]?steps?/i.exec(name)?.[1] ?? 0)
    return { ...settings, name: preset, ...(steps > 0 && { steps }) }
  }
  const named = byScheduler[own]
  return named === undefined ? null : { name: named, steps: 4, guidance: 1, scheduler: {} }
}
