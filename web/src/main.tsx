/** The playground: one page on which a story is written, drawn, redrawn and taken away as code. */
import './style/index.css'
import { render } from 'preact'
import { App } from './ui/app.tsx'

const place = document.getElementById('playground')
if (place) render(<App />, place)
