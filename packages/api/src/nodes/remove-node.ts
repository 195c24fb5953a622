import type { Selectable } from "kysely";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema } from "../database/schema.ts";
import { releaseAddress } from "../hosts/capacity.ts";
import { deleteSecrets } from "../secrets/secret-store.ts";
import { publishNodeDeleted } from "./node-events.ts";

/** Removes a node whose host confirmed that it is gone (CA-3.3, CA-4.60): row, address, secrets, keys. */
export async function removeNode(tx: Database, node: Selectable<Schema["nodes"]>, by: ResourceRef): Promise<void> {
  await deleteSecrets(tx, { kind: "node", id: node.id });
  await tx.deleteFrom("api_keys").where("resource_type", "=", "node").where("resource_id", "=", node.id).execute();
  await tx.deleteFrom("nodes").where("id", "=", node.id).execute();
  await releaseAddress(tx, node.ip_address);
  await publishNodeDeleted(tx, node, by);
}
