import { compareVersions, parseVersion } from "@blockvisor/image/version";
import { ConnectError } from "@connectrpc/connect";
import type { ResourceRef } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { ImageModel } from "../images/image-model.ts";
import type { Platform } from "../platform.ts";
import { reportOnNode } from "./node-events.ts";
import { upgradeNode } from "./upgrade-node.ts";

/**
 * Brings nodes that want it to an image that has just become public: those of the same variant on a lower version of the same
 * major number, or on an earlier build of this version (spec §2.8.1 step 5, CA-2.42). A node that cannot be upgraded stays
 * as it is and says why.
 */
export async function autoUpgrade(
  platform: Platform,
  tx: Database,
  target: ImageModel,
  by: ResourceRef,
): Promise<void> {
  const { image, version } = target;
  let query = tx
    .selectFrom("nodes")
    .innerJoin("protocol_versions", "protocol_versions.id", "nodes.protocol_version_id")
    .innerJoin("images", "images.id", "nodes.image_id")
    .select(["nodes.id", "protocol_versions.semantic_version", "images.build_version"])
    .where("protocol_versions.protocol_key", "=", version.protocol_key)
    .where("protocol_versions.variant_key", "=", version.variant_key)
    .where("nodes.auto_upgrade", "=", true)
    .orderBy("nodes.host_id")
    .orderBy("nodes.id");
  if (image.org_id !== null) query = query.where("nodes.org_id", "=", image.org_id);
  for (const known of await query.execute()) {
    if (!isOlder(known, version.semantic_version, image.build_version)) continue;
    const node = await tx.selectFrom("nodes").selectAll().where("id", "=", known.id).forUpdate().executeTakeFirst();
    if (node === undefined || node.next_state === "deleting" || node.node_state === "deleting") continue;
    try {
      await upgradeNode(tx, node, target, by);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      platform.log.warn({ node: node.id, image: image.id, reason: error.rawMessage }, "node is not upgraded");
      const name = `${version.semantic_version} build ${image.build_version}`;
      await reportOnNode(tx, node.id, `Not upgraded to ${name}: ${error.rawMessage}`, by);
    }
  }
}

function isOlder(
  node: { readonly semantic_version: string; readonly build_version: bigint },
  version: string,
  build: bigint,
): boolean {
  if (parseVersion(node.semantic_version)?.major !== parseVersion(version)?.major) return false;
  const order = compareVersions(node.semantic_version, version);
  return order < 0 || (order === 0 && node.build_version < build);
}
