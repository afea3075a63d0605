/** Line drawings of 20×20; what they mean is said by the text or the label beside them. */
const PATHS = {
  grip: 'M7 4.500h.01M7 10h.01M7 15.500h.01M13 4.500h.01M13 10h.01M13 15.500h.01',
  plus: 'M10 4v12M4 10h12',
  remove: 'M5 6h10M8.500 6V4h3v2M6 6l.700 10h6.600L14 6',
  redraw: 'M15.500 8A6 6 0 0 0 4.600 7M4.500 12a6 6 0 0 0 10.900 1M15.800 4v4h-4M4.200 16v-4h4',
  left: 'M12 4.500 6.500 10l5.500 5.500',
  right: 'M8 4.500 13.500 10 8 15.500',
  copy: 'M7.500 7.500h8v8h-8zM12.500 7.500v-3h-8v8h3',
  done: 'M4.500 10.500l3.500 3.500 7.500-8',
  close: 'M5 5l10 10M15 5 5 15',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.200l2.800 1.800',
  picture: 'M3.500 4.500h13v11h-13zM3.500 13l3.500-3.500 3 3 2.500-2.500 4 4M12.500 7.500h.01',
  note: 'M10 6.500v4.500M10 13.800h.01M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14z',
  eye: 'M2.500 10S5.500 5 10 5s7.500 5 7.500 5-3 5-7.500 5-7.500-5-7.500-5zM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
} as const
export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
