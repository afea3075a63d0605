/** The embed page: it tells the page around it how high it is, whenever that changes. */
import './style/embed.css'

const { story } = document.body.dataset
const tell = () => {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height)
  // Whoever frames the page may know its height; nothing else is in the message.
  parent.postMessage({ type: 'fableframe:height', story, height }, '*')
}
if (parent !== window) new ResizeObserver(tell).observe(document.documentElement)
