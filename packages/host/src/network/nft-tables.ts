import { runTool } from "@blockvisor/image/container";

/** Names of all tables of the host's own network, e.g. `inet bv_1f…`: what is not there, something else has flushed (DB-6.1). */
export async function presentTables(): Promise<ReadonlySet<string>> {
  const { stdout } = await runTool("nft", ["list", "tables"]);
  return new Set(stdout.split("\n").map((line) => line.replace(/^table /, "").trim()));
}

/** Lines for nft: one transaction in which the old table is gone and the new one there at the same instant; no body: only gone. */
export function replacedTable(table: string, body: readonly string[]): readonly string[] {
  // Adding first makes removing work whether it was there or not.
  const gone = [`add table ${table}`, `delete table ${table}`];
  return body.length === 0 ? gone : [...gone, `table ${table} {`, ...body, "}"];
}
