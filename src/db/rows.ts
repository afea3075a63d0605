/** Rows as SQL. */
import { getTableColumns, type SQL, sql, type Table } from 'drizzle-orm'

/** The values of a row, in the order of the table's columns, for an insert that selects them under a condition. */
export function valuesOf<T extends Table>(table: T, row: T['$inferSelect']): SQL {
  const values = new Map<string, unknown>(Object.entries(row))
  const columns = Object.entries(getTableColumns(table))
  return sql.join(
    columns.map(([name, column]) => sql`${sql.param(values.get(name), column)}`),
    sql`, `,
  )
}

/** A row as it will be stored, with the table's defaults for what is left out. */
export function withDefaults<T extends Table>(table: T, values: T['$inferInsert']): T['$inferSelect'] {
  const given = new Map<string, unknown>(Object.entries(values))
  const columns = Object.entries(getTableColumns(table))
  // Every column has its value, which no type of Object.fromEntries can say.
  return Object.fromEntries(
    columns.map(([name, column]) => [name, given.get(name) === undefined ? (column.default ?? null) : given.get(name)]),
  ) as T['$inferSelect']
}
