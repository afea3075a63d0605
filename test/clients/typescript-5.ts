/** Preloaded into generators that look up `typescript` above this workspace, where there is one without the API that they use. */
import { createRequire, registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const url = pathToFileURL(createRequire(import.meta.url).resolve('typescript')).href

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'typescript' ? { url, format: 'commonjs', shortCircuit: true } : next(specifier, context),
})
