/** D1 and R2 with each call looked into: `around` gets what is asked, and makes the call by `run`, or does not. */
import type { D1Database, D1PreparedStatement, R2Bucket } from '@cloudflare/workers-types'

/** What D1 is asked: the SQL of one statement, or of a batch. What R2 is: a method and its keys. */
export type Around = (asked: string[], run: () => Promise<unknown>) => Promise<unknown>

export function watchD1(db: D1Database, around: Around): D1Database {
  const native = new WeakMap<D1PreparedStatement, { statement: D1PreparedStatement; sql: string }>()
  const watched = (statement: D1PreparedStatement, sql: string): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        if (name === 'bind') return (...values: unknown[]) => watched(target.bind(...values), sql)
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) => around([sql], async () => method.apply(target, args))
      },
    })
    native.set(proxy, { statement, sql })
    return proxy
  }
  return new Proxy(db, {
    get(target, name) {
      if (name === 'prepare') return (sql: string) => watched(target.prepare(sql), sql)
      if (name !== 'batch') throw new Error(`D1 is asked for ${String(name)}, which is not watched`)
      return (statements: D1PreparedStatement[]) => {
        const parts = statements.map((one) => native.get(one) ?? { statement: one, sql: '' })
        return around(
          parts.map(({ sql }) => sql),
          () => target.batch(parts.map(({ statement }) => statement)),
        )
      }
    },
  })
}

export function watchR2(bucket: R2Bucket, around: Around): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const [first] = args
        const keys = typeof first === 'string' ? [first] : Array.isArray(first) ? first.map(String) : ['']
        return around(
          keys.map((key) => `${String(name)} ${key}`),
          async () => method.apply(target, args),
        )
      }
    },
  })
}
