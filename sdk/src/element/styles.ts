/** The looks of `<fable-story>`. Colours follow the text around it, so that it fits light and dark pages. */
export const css = `
:host { display: block; container-type: inline-size; --gap: var(--fable-gap, 1rem); --radius: var(--fable-radius, 0.75rem);
  --accent: var(--fable-accent, light-dark(#3355cc, #9db4ff)); --faint: color-mix(in srgb, currentColor 12%, transparent) }
:host([hidden]), [hidden] { display: none !important }
* { box-sizing: border-box }
ol { display: flex; gap: var(--gap); list-style: none; margin: 0; padding: 0 }
.frames { border-radius: var(--radius) }
.frames:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
figure { display: flex; flex-direction: column; gap: 0.5rem; margin: 0 }
figcaption { line-height: 1.45; overflow-wrap: anywhere }
.picture { position: relative; aspect-ratio: var(--ratio, 1); overflow: hidden; border-radius: var(--radius);
  background: var(--faint) }
img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover }
.preview { filter: blur(1.25rem); transform: scale(1.15) }
.image.loading { opacity: 0 }

.strip .frames, .book .frames { overflow-x: auto; scroll-snap-type: x mandatory; overscroll-behavior-x: contain }
.strip li { flex: 0 0 min(var(--fable-frame-size, 18rem), 85cqi); scroll-snap-align: start }
.strip ol { width: max-content; min-width: 100% }
.grid ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--fable-frame-size, 14rem)), 1fr)) }

.book .frames { background: var(--fable-page-background, light-dark(#fffdf7, #22201d));
  color: var(--fable-page-color, light-dark(#2b2622, #efe9e0)); border: 1px solid var(--faint); scrollbar-width: none }
.book ol { gap: 0 }
.book li { flex: 0 0 100%; scroll-snap-align: start; scroll-snap-stop: always; padding: clamp(0.75rem, 4cqi, 2.5rem) }
.book figure { gap: clamp(0.75rem, 4cqi, 2.5rem) }
.book figcaption { font-size: clamp(1.1rem, 2.6cqi, 1.75rem); line-height: 1.5; text-wrap: balance }
@container (min-width: 40rem) {
  .book figure { flex-direction: row; align-items: center }
  .book .picture, .book figcaption { flex: 1 1 0 }
}

.bar, nav { display: flex; align-items: center; justify-content: center; gap: 0.75rem; margin-top: 0.75rem }
.bar { justify-content: start; flex-wrap: wrap }
.progress { flex: 1 1 6rem; height: 0.4rem; border-radius: 1rem; overflow: hidden; background: var(--faint) }
.fill { height: 100%; background: var(--accent); transform: scaleX(var(--done, 0)); transform-origin: 0 }
:host(:dir(rtl)) .fill { transform-origin: 100% }
.eta, .page { font-variant-numeric: tabular-nums }
.problem { padding: 0.75rem 1rem; border-radius: var(--radius); background: var(--faint) }
button { display: grid; place-items: center; width: 2.75rem; height: 2.75rem; padding: 0; border: 1px solid currentColor;
  border-radius: 50%; background: none; color: inherit; font: inherit; font-size: 1.25rem; line-height: 1; cursor: pointer }
button:disabled { opacity: 0.35; cursor: default }
:host(:dir(rtl)) nav button { transform: scaleX(-1) }

@media (prefers-reduced-motion: no-preference) {
  .frames { scroll-behavior: smooth }
  .image { transition: opacity 0.5s }
  .fill { transition: transform 0.5s }
  .skeleton::after { content: ''; position: absolute; inset: 0; animation: pass 1.8s linear infinite;
    background: linear-gradient(100deg, transparent 30%, color-mix(in srgb, currentColor 6%, transparent) 50%, transparent 70%) }
  .progress.waiting .fill { transform: scaleX(0.25); transition: none; animation: wander 1.6s ease-in-out infinite alternate }
}
@keyframes pass { from { transform: translateX(-100%) } to { transform: translateX(100%) } }
@keyframes wander { from { translate: 0 } to { translate: 300% } }
`
