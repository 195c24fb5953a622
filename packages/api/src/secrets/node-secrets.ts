import type { Database } from "../database/open-database.ts";
import { notFound } from "../rpc-error.ts";
import { type SecretOwner, secretsOf, thePlatform } from "./secret-store.ts";

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
  const found = new Map<string, Awaited<ReturnType<typeof rowsOf>>[number] & { readonly owner: SecretOwner }>();
  for (const owner of owners) {
    for (const row of await rowsOf(db, owner, key)) {
      const isMeant = row.protocols === null || row.protocols.includes(node.key);
      if (isMeant && !found.has(row.key)) found.set(row.key, { ...row, owner });
    }
    if (key !== undefined && found.size > 0) break;
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

const rowsOf = (db: Database, owner: SecretOwner, key: string | undefined) => {
  const query = secretsOf(db, owner).selectAll().orderBy("key");
  return (key === undefined ? query : query.where("key", "=", key)).execute();
};
