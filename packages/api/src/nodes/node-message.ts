import { NodeConfigSchema } from "@blockvisor/wire/blockjoy/common/v1/config";
import { type Node, NodeSchema } from "@blockvisor/wire/blockjoy/v1/node";
import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Caller } from "../auth/caller.ts";
import { costMessage } from "../cost.ts";
import type { Database } from "../database/open-database.ts";
import type { StoredJob } from "../database/schema.ts";
import { tagsMessage } from "../hosts/tags.ts";
import { present } from "../protocols/protocol-message.ts";
import { creatorMessage, resourceMessage } from "../resource.ts";
import { notFound } from "../rpc-error.ts";
import { nextStates, nodeHealths, nodeStates } from "./node-enums.ts";

const shownReports = 100;
const mask = "********";

export interface NodeView {
  readonly withCost: boolean;
  /** Values of password properties are for the host, and for whoever may change them (CA-5.2, CA-7.5). */
  readonly withPasswords: boolean;
}

/** What the host needs to run a node. */
export const hostView: NodeView = { withCost: false, withPasswords: true };
/** What is published to consoles. */
export const publicView: NodeView = { withCost: false, withPasswords: false };

export const viewFor = ({ permissions, credential }: Caller): NodeView => ({
  withCost: permissions.has("node-admin-view-cost"),
  withPasswords:
    credential === "access_token" ||
    permissions.has("node-update-config") ||
    permissions.has("node-admin-update-config"),
});

/** @throws NOT_FOUND */
export async function nodeMessage(db: Database, id: string, view: NodeView): Promise<Node> {
  const [node] = await nodeMessages(db, [id], view);
  if (node === undefined) throw notFound("Node");
  return node;
}

/** Nodes as the wire shows them, in the order of `ids`. */
export async function nodeMessages(db: Database, ids: readonly string[], view: NodeView): Promise<readonly Node[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("nodes")
    .innerJoin("orgs", "orgs.id", "nodes.org_id")
    .innerJoin("hosts", "hosts.id", "nodes.host_id")
    .innerJoin("regions", "regions.id", "hosts.region_id")
    .innerJoin("protocols", "protocols.id", "nodes.protocol_id")
    .innerJoin("protocol_versions", "protocol_versions.id", "nodes.protocol_version_id")
    .innerJoin("configs", "configs.id", "nodes.config_id")
    .selectAll("nodes")
    .select([
      "orgs.name as org_name",
      "hosts.org_id as host_org_id",
      "hosts.network_name as host_network_name",
      "hosts.display_name as host_display_name",
      "regions.id as region_id",
      "regions.key as region_key",
      "regions.display_name as region_name",
      "protocols.name as protocol_name",
      "protocol_versions.protocol_key",
      "protocol_versions.variant_key",
      "protocol_versions.metadata as version_metadata",
      "configs.config",
    ])
    .where("nodes.id", "in", ids)
    .execute();
  const passwords = view.withPasswords
    ? new Set<string>()
    : await passwordProperties(db, [...new Set(rows.map((row) => row.image_id))]);
  const reports = await db
    .selectFrom("node_reports")
    .selectAll()
    .where("node_id", "in", ids)
    .orderBy("created_at", "desc")
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    if (row === undefined) return [];
    const config = fromBinary(NodeConfigSchema, row.config);
    for (const value of config.image?.values ?? []) {
      if (passwords.has(`${row.image_id}/${value.key}`) && value.value !== "") value.value = mask;
    }
    return [
      create(NodeSchema, {
        nodeId: row.id,
        nodeName: row.node_name,
        displayName: row.display_name,
        ...present("oldNodeId", row.old_node_id),
        imageId: row.image_id,
        configId: row.config_id,
        config,
        orgId: row.org_id,
        orgName: row.org_name,
        hostId: row.host_id,
        ...present("hostOrgId", row.host_org_id),
        hostNetworkName: row.host_network_name,
        ...present("hostDisplayName", row.host_display_name),
        regionId: row.region_id,
        regionKey: row.region_key,
        regionName: row.region_name,
        protocolId: row.protocol_id,
        protocolName: row.protocol_name,
        protocolVersionId: row.protocol_version_id,
        versionKey: { protocolKey: row.protocol_key, variantKey: row.variant_key },
        semanticVersion: row.semantic_version,
        autoUpgrade: row.auto_upgrade,
        ipAddress: row.ip_address,
        ipGateway: row.ip_gateway,
        dnsName: row.dns_name,
        ...present("p2pAddress", row.p2p_address),
        ...present("blockHeight", row.block_height),
        ...present("blockAge", row.block_age),
        ...present("note", row.note),
        nodeStatus: {
          state: nodeStates[row.node_state],
          ...(row.next_state === null ? {} : { next: nextStates[row.next_state] }),
          ...(row.protocol_state === null || row.protocol_health === null
            ? {}
            : { protocol: { state: row.protocol_state, health: nodeHealths[row.protocol_health] } }),
        },
        jobs: row.jobs.map(jobMessage),
        reports: reports
          .filter((report) => report.node_id === id)
          .slice(0, shownReports)
          .map((report) => ({
            reportId: report.id,
            message: report.message,
            createdBy: resourceMessage({ kind: report.created_by_type, id: report.created_by_id }),
            createdAt: timestampFromDate(report.created_at),
          })),
        tags: tagsMessage(row.tags),
        createdBy: creatorMessage(row),
        createdAt: timestampFromDate(row.created_at),
        updatedAt: timestampFromDate(row.updated_at),
        ...(view.withCost && row.cost !== null ? { cost: costMessage(row.cost) } : {}),
        versionMetadata: row.version_metadata.map(({ key, value, description }) => ({
          metadataKey: key,
          value,
          ...(description === undefined ? {} : { description }),
        })),
        ...present("apr", row.apr),
        ...present("jailed", row.jailed),
        ...present("jailedReason", row.jailed_reason),
        ...present("sqdName", row.sqd_name),
      }),
    ];
  });
}

const jobMessage = (job: StoredJob) => ({
  name: job.name,
  status: job.status,
  ...(job.exitCode === undefined ? {} : { exitCode: job.exitCode }),
  ...(job.message === undefined ? {} : { message: job.message }),
  logs: [...job.logs],
  restarts: BigInt(job.restarts),
  ...(job.progress === undefined ? {} : { progress: job.progress }),
});

async function passwordProperties(db: Database, imageIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (imageIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("image_properties")
    .select(["image_id", "key"])
    .where("image_id", "in", imageIds)
    .where("ui_type", "=", "password")
    .execute();
  return new Set(rows.map((row) => `${row.image_id}/${row.key}`));
}
