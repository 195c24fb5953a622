import { isIP } from "node:net";
import { NextState, NodeState } from "@blockvisor/wire/blockjoy/common/v1/node";
import { type NodeSearch, type NodeServiceListRequest, NodeSortField } from "@blockvisor/wire/blockjoy/v1/node";
import { sql } from "kysely";
import type { Caller } from "../auth/caller.ts";
import { list, matching, ordering } from "../database/list.ts";
import type { Database } from "../database/open-database.ts";
import { invalidArgument } from "../rpc-error.ts";
import { uuid } from "../wire-fields.ts";
import { nameOf, nextStates, nodeStates } from "./node-enums.ts";
import { nodeMessages, viewFor } from "./node-message.ts";

const mostFilters = 1000;

/** Spec §2.9 List: every filter narrows. Nodes of an org are shown to it whatever became of their image (CA-2.52). */
export async function listNodes(db: Database, caller: Caller, request: NodeServiceListRequest) {
  const ids = (values: readonly string[], field: string) => bounded(values, field).map((value) => uuid(value, field));
  let query = db.selectFrom("nodes").select("nodes.id");
  if (request.orgIds.length > 0) query = query.where("org_id", "in", bounded(request.orgIds, "org_ids"));
  // A host sees its own nodes only, whichever of its org it asks for.
  if (caller.resource.kind === "host") query = query.where("host_id", "=", caller.resource.id);
  if (request.protocolIds.length > 0) query = query.where("protocol_id", "in", ids(request.protocolIds, "protocol_id"));
  if (request.hostIds.length > 0) query = query.where("host_id", "in", ids(request.hostIds, "host_id"));
  if (request.userIds.length > 0) {
    query = query.where("created_by_type", "=", "user").where("created_by_id", "in", ids(request.userIds, "user_id"));
  }
  if (request.semanticVersions.length > 0) {
    query = query.where("semantic_version", "in", bounded(request.semanticVersions, "semantic_versions"));
  }
  if (request.ipAddresses.length > 0) {
    if (request.ipAddresses.some((address) => isIP(address) === 0)) throw invalidArgument("ip_addresses");
    query = query.where("ip_address", "in", bounded(request.ipAddresses, "ip_addresses"));
  }
  if (request.nodeStates.length > 0) {
    query = query.where(
      "node_state",
      "in",
      bounded(request.nodeStates, "node_states").map((state) => nameOf(nodeStates, state, "node_states")),
    );
  }
  if (request.nextStates.length > 0) {
    query = query.where(
      "next_state",
      "in",
      bounded(request.nextStates, "next_states").map((state) => nameOf(nextStates, state, "next_states")),
    );
  }
  if (request.versionKeys.length > 0) {
    const keys = bounded(request.versionKeys, "version_keys");
    query = query.where("protocol_version_id", "in", (sub) =>
      sub
        .selectFrom("protocol_versions")
        .select("id")
        .where((row) =>
          row.or(
            keys.map(({ protocolKey, variantKey }) =>
              row.and([row("protocol_key", "=", protocolKey), row("variant_key", "=", variantKey)]),
            ),
          ),
        ),
    );
  }
  const { search } = request;
  if (search !== undefined) query = query.where(matching(search.operator, searched(search)));
  const { rows, total } = await list(query, { ...request, order: ordering(request.sort, sortColumns, "nodes") });
  const nodes = await nodeMessages(
    db,
    rows.map((row) => row.id),
    viewFor(caller),
  );
  return { nodes: [...nodes], total };
}

function bounded<T>(values: readonly T[], field: string): readonly T[] {
  if (values.length > mostFilters) throw invalidArgument(field, `has more than ${mostFilters} entries`);
  return values;
}

const searched = (search: NodeSearch) => [
  { column: sql<string>`nodes.id::text`, pattern: search.nodeId },
  { column: sql<string>`nodes.node_name`, pattern: search.nodeName },
  { column: sql<string>`nodes.display_name`, pattern: search.displayName },
  { column: sql<string>`nodes.dns_name`, pattern: search.dnsName },
  {
    column: sql<string>`nodes.node_state`,
    pattern:
      search.nodeState === undefined || search.nodeState === NodeState.UNSPECIFIED
        ? undefined
        : nameOf(nodeStates, search.nodeState, "search.node_state"),
  },
  {
    column: sql<string | null>`nodes.next_state`,
    pattern:
      search.nextState === undefined || search.nextState === NextState.UNSPECIFIED
        ? undefined
        : nameOf(nextStates, search.nextState, "search.next_state"),
  },
  { column: sql<string | null>`nodes.protocol_state`, pattern: search.protocolState },
  { column: sql<string | null>`nodes.protocol_health`, pattern: search.protocolHealth },
  { column: sql<string>`nodes.ip_address`, pattern: search.ip },
];

const sortColumns = {
  [NodeSortField.NODE_NAME]: sql.ref("nodes.node_name"),
  [NodeSortField.DNS_NAME]: sql.ref("nodes.dns_name"),
  [NodeSortField.DISPLAY_NAME]: sql.ref("nodes.display_name"),
  [NodeSortField.NODE_STATE]: sql.ref("nodes.node_state"),
  [NodeSortField.NEXT_STATE]: sql.ref("nodes.next_state"),
  [NodeSortField.PROTOCOL_STATE]: sql.ref("nodes.protocol_state"),
  [NodeSortField.PROTOCOL_HEALTH]: sql.ref("nodes.protocol_health"),
  [NodeSortField.BLOCK_HEIGHT]: sql.ref("nodes.block_height"),
  [NodeSortField.CREATED_AT]: sql.ref("nodes.created_at"),
  [NodeSortField.UPDATED_AT]: sql.ref("nodes.updated_at"),
  [NodeSortField.APR]: sql.ref("nodes.apr"),
  [NodeSortField.JAILED]: sql.ref("nodes.jailed"),
  [NodeSortField.SQD_NAME]: sql.ref("nodes.sqd_name"),
};
