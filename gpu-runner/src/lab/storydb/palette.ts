/** The colours things are drawn in. Names that users say are far apart from each other, on purpose. */
import type { Colour, Fur, HairColour, Time } from './types.ts'

export const CLOTH: Record<Colour, string> = {
  red: '#e5343c',
  blue: '#2f6be0',
  green: '#2f9e4d',
  yellow: '#ffd43b',
  purple: '#8d4fd3',
  white: '#fafafa',
  black: '#383542',
  orange: '#ff8a1f',
  pink: '#ff8fc0',
  gray: '#9099ab',
  brown: '#8a5a35',
}

/** Stripes and dots: white on colours, slate on white. */
export const patternOn = (colour: Colour): string => (colour === 'white' ? '#93a4c4' : '#ffffff')

/** `base` is the coat, `light` muzzle and belly, `dark` ear tips and markings. */
export const FUR: Record<Fur, { base: string; light: string; dark: string }> = {
  orange: { base: '#f58b2e', light: '#fff1de', dark: '#7c3f18' },
  brown: { base: '#9b6236', light: '#e6c294', dark: '#633a1d' },
  gray: { base: '#9aa4b5', light: '#e9edf3', dark: '#596273' },
  white: { base: '#fbf7f1', light: '#ffffff', dark: '#cfc6c0' },
  black: { base: '#4d4859', light: '#d6d0dd', dark: '#2c2835' },
  pink: { base: '#f7a4b8', light: '#ffd5de', dark: '#d9668a' },
  green: { base: '#68c24b', light: '#d8f2ab', dark: '#3a8629' },
  purple: { base: '#ab85e2', light: '#e7d8fb', dark: '#704aac' },
  blue: { base: '#64aaf0', light: '#d6ecfe', dark: '#3271b8' },
  yellow: { base: '#f3c75a', light: '#fff2cc', dark: '#b07a26' },
  fair: { base: '#ffdabf', light: '#ffe9d8', dark: '#e0a585' },
  tan: { base: '#dda276', light: '#ecc09c', dark: '#b37648' },
  dark: { base: '#8f5b3c', light: '#b07c58', dark: '#643a22' },
  red: { base: '#dd5238', light: '#ffdcc4', dark: '#8c2a1f' },
}

export const HAIR: Record<HairColour, string> = {
  black: '#3a3340',
  blond: '#f9d65c',
  red: '#d9532c',
  brown: '#7a4a2b',
  blue: '#4a90e2',
  pink: '#f277ae',
}

/** Share of red, green and blue that the light of the hour lets through: hues stay apart, unlike with a dark veil. */
const light: Record<Time, readonly [red: number, green: number, blue: number]> = {
  day: [1, 1, 1],
  sunset: [1, 0.82, 0.74],
  night: [0.56, 0.6, 0.84],
}

const toned = new Map<string, string>()

/** How a background colour looks at a time of day; characters keep theirs. */
export function tone(hex: string, time: Time): string {
  const key = hex + time
  let result = toned.get(key)
  if (!result) {
    const lit = light[time].map((share, i) => Math.round(Number.parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16) * share))
    toned.set(key, (result = `#${lit.map((value) => value.toString(16).padStart(2, '0')).join('')}`))
  }
  return result
}
