/** The name of the house, and its book. */
export function Mark() {
  return (
    <span class="mark">
      <img src="/playground/icon.svg" alt="" width="32" height="32" />
      Fableframe
    </span>
  )
}
