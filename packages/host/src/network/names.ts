import { createHash } from "node:crypto";
import { OperationError } from "@blockvisor/image/container";

/** Names the kernel knows a node's things by. Link names have at most 15 characters, so they come from a hash of the id. */
export interface NodeLinkNames {
  readonly namespace: string;
  readonly namespacePath: string;
  readonly hostInterface: string;
  /** Locally administered, the same for the node at every start: neighbours and switches need not learn anew. */
  readonly mac: string;
}

export const NODE_INTERFACE = "eth0";

export function linkNames(nodeId: string): NodeLinkNames {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(nodeId)) {
    throw new OperationError("network-address-invalid", `'${nodeId.slice(0, 100)}' is no node id`);
  }
  const hash = nodeHash(nodeId);
  const namespace = `bv-${nodeId}`;
  return {
    namespace,
    namespacePath: `/run/netns/${namespace}`,
    hostInterface: `bv${hash.slice(0, 12)}`,
    mac: localMac(hash),
  };
}

export function nodeHash(nodeId: string): string {
  return createHash("sha256").update(nodeId).digest("hex");
}

/** A locally administered hardware address, from a hash in hex. */
export function localMac(hash: string): string {
  return ["02", ...(hash.slice(0, 10).match(/../g) ?? [])].join(":");
}

export function checkedLinkName(name: string): string {
  if (/^[A-Za-z0-9_.-]{1,15}$/.test(name) && name !== "." && name !== "..") return name;
  throw new OperationError("network-bridge-invalid", `'${name}' is no name for a bridge`, {
    fix: "set 'iface' to up to 15 letters, digits, '-', '_' or '.'",
  });
}
