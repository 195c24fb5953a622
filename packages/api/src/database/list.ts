import { SearchOperator, SortOrder } from "@blockvisor/wire/blockjoy/common/v1/search";
import { type Expression, type RawBuilder, type SelectQueryBuilder, type SqlBool, sql } from "kysely";
import { invalidArgument } from "../rpc-error.ts";

/** Paging, sorting and searching of every list call (spec §0.6 with CA-0.2, CA-0.3). */

const largestPage = 1000n;
const mostSortKeys = 8;
const largestInt8 = 2n ** 63n - 1n;

export interface Page {
  readonly offset: bigint;
  readonly limit: bigint;
  readonly order: RawBuilder<unknown>;
}

/** One page and the count of everything that matches. `limit` 0 only counts; more than 1000 rows never come at once. */
export async function list<DB, Tables extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Tables, Row>,
  page: Page,
): Promise<{ readonly rows: Row[]; readonly total: bigint }> {
  if (page.offset > largestInt8) throw invalidArgument("offset");
  if (page.limit > largestInt8) throw invalidArgument("limit");
  const counted = await query.clearSelect().select(sql<bigint>`count(*)`.as("count")).executeTakeFirstOrThrow();
  const total = (counted as { readonly count: bigint }).count;
  if (page.limit === 0n) return { rows: [], total };
  const limit = page.limit > largestPage ? largestPage : page.limit;
  const rows = await query.orderBy(page.order).limit(limit).offset(page.offset).execute();
  return { rows: rows as Row[], total };
}

/**
 * Newest first unless the request says otherwise; the id decides between equals.
 * @param columns by the number of the sort field
 */
export function ordering(
  sort: readonly { readonly field: number; readonly order: SortOrder }[],
  columns: Readonly<Record<number, RawBuilder<unknown>>>,
  table: string,
): RawBuilder<unknown> {
  if (sort.length > mostSortKeys) throw invalidArgument("sort", `has more than ${mostSortKeys} entries`);
  const keys = sort.map(({ field, order }) => {
    const column = columns[field];
    if (column === undefined) throw invalidArgument("sort.field");
    if (order === SortOrder.ASCENDING) return sql`${column} asc nulls last`;
    if (order === SortOrder.DESCENDING) return sql`${column} desc nulls last`;
    throw invalidArgument("sort.order");
  });
  const first = keys.length === 0 ? [sql`${sql.ref(`${table}.created_at`)} desc`] : keys;
  return sql.join([...first, sql.ref(`${table}.id`)]);
}

/** A text matches as a LIKE pattern when it has a `%`, else anywhere in the column; case never matters. */
export function matching(
  operator: SearchOperator,
  fields: readonly { readonly column: Expression<string | null>; readonly pattern: string | undefined }[],
): RawBuilder<SqlBool> {
  if (operator === SearchOperator.UNSPECIFIED) throw invalidArgument("search.operator");
  const conditions = fields.flatMap(({ column, pattern }) => {
    if (pattern === undefined) return [];
    const wanted = pattern.trim().toLowerCase();
    if (wanted.length > 256) throw invalidArgument("search", "a search text has at most 256 characters");
    return wanted.includes("%")
      ? [sql<SqlBool>`lower(${column}) like ${wanted.replaceAll("\\", "\\\\")}`]
      : [sql<SqlBool>`position(${wanted} in lower(${column})) > 0`];
  });
  if (conditions.length === 0) return sql<SqlBool>`true`;
  return sql<SqlBool>`(${sql.join(conditions, operator === SearchOperator.OR ? sql` or ` : sql` and `)})`;
}
