/** Moving the items of a list by a handle: dragged with mouse, pen or finger, or by arrow keys. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

interface Options {
  keys: readonly string[]
  move: (from: number, to: number) => void
}

export function useReorder({ keys, move }: Options) {
  const list = useRef<HTMLOListElement>(null)
  const [dragged, setDragged] = useState<string | null>(null)
  /** The handle that was used from the keyboard: moving its item takes the focus away. */
  const focused = useRef<string | null>(null)
  const latest = useRef({ keys, move })
  latest.current = { keys, move }

  useEffect(() => {
    if (dragged === null) return
    const over = new AbortController()
    const { signal } = over
    const follow = ({ clientX, clientY }: PointerEvent) => {
      const { keys, move } = latest.current
      const from = keys.indexOf(dragged)
      const to = placeAt(list.current, clientX, clientY)
      if (to !== null && to !== from) move(from, to)
    }
    const end = () => setDragged(null)
    addEventListener('pointermove', follow, { signal })
    addEventListener('pointerup', end, { signal })
    addEventListener('pointercancel', end, { signal })
    return () => over.abort()
  }, [dragged])

  useLayoutEffect(() => {
    if (focused.current === null) return
    list.current?.querySelector<HTMLElement>(`[data-handle="${focused.current}"]`)?.focus()
    focused.current = null
  })

  const handle = (key: string) => ({
    'data-handle': key,
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0) return
      event.preventDefault()
      setDragged(key)
    },
    onKeyDown(event: KeyboardEvent) {
      const from = keys.indexOf(key)
      const to = destination(event.key, from, keys.length - 1)
      if (to === null) return
      event.preventDefault()
      if (to === from) return
      focused.current = key
      move(from, to)
    },
  })
  return { list, dragged, handle }
}

function destination(key: string, from: number, last: number): number | null {
  if (key === 'ArrowLeft' || key === 'ArrowUp') return Math.max(0, from - 1)
  if (key === 'ArrowRight' || key === 'ArrowDown') return Math.min(last, from + 1)
  if (key === 'Home') return 0
  return key === 'End' ? last : null
}

function placeAt(list: HTMLOListElement | null, x: number, y: number): number | null {
  const items = [...(list?.children ?? [])].map((item) => item.getBoundingClientRect())
  const place = items.findIndex(({ left, right, top, bottom }) => x >= left && x <= right && y >= top && y <= bottom)
  return place === -1 ? null : place
}
