import { Icon } from './icons.tsx'
import { Mark } from './mark.tsx'

interface Props {
  onNew: () => void
  onExample: () => void
  onHistory: () => void
  onSignOut: () => void
}

export function Header({ onNew, onExample, onHistory, onSignOut }: Props) {
  return (
    <header class="head">
      <Mark />
      <nav aria-label="Playground">
        <button type="button" class="quiet" onClick={onNew}>
          <Icon name="plus" /> New
        </button>
        <button type="button" class="quiet" onClick={onExample}>
          <Icon name="picture" /> Example
        </button>
        <button type="button" class="quiet" onClick={onHistory}>
          <Icon name="clock" /> History
        </button>
        <a class="quiet" href="/docs">
          API
        </a>
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </nav>
    </header>
  )
}
