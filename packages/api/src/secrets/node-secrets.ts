import type { Database } from "../database/open-database.ts";
import { notFound } from "../rpc-error.ts";
import { type SecretOwner, thePlatform } from "./secret-store.ts";

/**
 * Everything a node finds, each key once: its own secrets, else those of its org, else the platform's, of which only those for every protocol or
 * for its own (spec plugin-api §2 "Secrets", CA-7.2). A host's secrets are none of them: plugins of several orgs run on one host.
 * `key`: only this one. @throws NOT_FOUND when there is no such node
 */
export async function secretsOfNode(db: Database, nodeId: string, key?: string) {
  const node = await db
    .selectFrom("nodes")
    .innerJoin("protocols", "protocols.id", "nodes.protocol_id")
    .select(["nodes.org_id", "protocols.key"])
    .where("nodes.id", "=", nodeId)
    .executeTakeFirst();
  if (node === undefined) throw notFound("Node");
  const owners: readonly SecretOwner[] = [{ kind: "node", id: nodeId }, { kind: "org", id: node.org_id }, thePlatform];
  const query = db
    .selectFrom("secrets")
    .selectAll()
    .where(({ eb, or, and }) =>
      or(owners.map(({ kind, id }) => and([eb("resource_type", "=", kind), eb("resource_id", "=", id)]))),
    );
  const rows = await (key === undefined ? query : query.where("key", "=", key)).execute();
  const meant = rows.filter(({ protocols }) => protocols === null || protocols.includes(node.key));
  const found = new Map<string, (typeof rows)[number] & { readonly owner: SecretOwner }>();
  for (const owner of owners.toReversed()) {
    for (const row of meant) if (row.resource_type === owner.kind) found.set(row.key, { ...row, owner });
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
