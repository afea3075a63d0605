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
