import { compareVersions, parseVersion } from "@blockvisor/image/version";
import { type ProtocolService, ProtocolSortField } from "@blockvisor/wire/blockjoy/v1/protocol";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { sql } from "kysely";
import { callerOf } from "../auth/caller.ts";
import { list, matching, ordering } from "../database/list.ts";
import type { Database } from "../database/open-database.ts";
import { existingOrg } from "../orgs/org-message.ts";
import { type Platform, write } from "../platform.ts";
import { failedPrecondition, invalidArgument, notFound } from "../rpc-error.ts";
import { key, optionalText, optionalUuid, text, uuid } from "../wire-fields.ts";
import { seenBy, type Viewer, versionKey, versionsOf, viewerOf } from "./catalogue.ts";
import { protocolMessage, versionMessage, visibilityName } from "./protocol-message.ts";
import { protocolStats } from "./stats.ts";

const longestDescription = 16 * 1024;
const mostMetadata = 64;
const orgsOf = (orgId: string | undefined) => (orgId === undefined ? [] : [orgId]);

/** Spec §2.7, without pricing. */
export function protocolService(platform: Platform): Partial<ServiceImpl<typeof ProtocolService>> {
  const { db } = platform;
  return {
    async addProtocol(request, context) {
      const row = {
        org_id: optionalUuid(request.orgId, "org_id"),
        key: key(request.key, "key"),
        name: text(request.name.trim(), "name", { min: 1, max: 128 }),
        description: optionalText(request.description, "description", longestDescription),
        ticker: optionalText(request.ticker, "ticker", 16),
      };
      return write(platform, context, request, async (tx) => {
        if (row.org_id !== null) await existingOrg(tx, row.org_id);
        const added = await tx.insertInto("protocols").values(row).returningAll().executeTakeFirstOrThrow();
        return { protocol: protocolMessage(added, []) };
      });
    },

    async updateProtocol(request, context) {
      const id = uuid(request.protocolId, "protocol_id");
      const viewer = viewerOf(callerOf(context));
      const changes = {
        updated_at: new Date(),
        ...(request.name === undefined ? {} : { name: text(request.name.trim(), "name", { min: 1, max: 128 }) }),
        ...(request.description === undefined
          ? {}
          : { description: text(request.description, "description", { max: longestDescription }) }),
        ...(request.visibility === undefined ? {} : { visibility: visibilityName(request.visibility) }),
      };
      return write(platform, context, request, async (tx) => {
        const row = await tx
          .updateTable("protocols")
          .set(changes)
          .where("id", "=", id)
          .where(seenBy(viewer, "protocols"))
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) throw notFound("Protocol");
        return { protocol: protocolMessage(row, await versionsOfProtocols(tx, viewer, [row.id])) };
      });
    },

    async getProtocol(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      let query = db.selectFrom("protocols").selectAll().where(seenBy(viewer, "protocols"));
      if (request.protocol.case === "protocolId") {
        query = query.where("id", "=", uuid(request.protocol.value, "protocol_id"));
      } else if (request.protocol.case === "protocolKey") {
        query = query.where("key", "=", key(request.protocol.value, "protocol_key"));
      } else {
        throw invalidArgument("protocol");
      }
      const row = await query.executeTakeFirst();
      if (row === undefined) throw notFound("Protocol");
      return { protocol: protocolMessage(row, await versionsOfProtocols(db, viewer, [row.id])) };
    },

    async listProtocols(request, context) {
      const viewer = viewerOf(callerOf(context), request.orgIds);
      let query = db.selectFrom("protocols").selectAll().where(seenBy(viewer, "protocols"));
      const { search } = request;
      if (search !== undefined) {
        query = query.where(
          matching(search.operator, [
            { column: sql<string>`protocols.id::text`, pattern: search.protocolId },
            { column: sql<string>`protocols.name`, pattern: search.name },
          ]),
        );
      }
      const { rows, total } = await list(query, {
        ...request,
        order: ordering(request.sort, sortColumns, "protocols"),
      });
      const versions = await versionsOfProtocols(
        db,
        viewer,
        rows.map((row) => row.id),
      );
      const protocols = rows.map((row) =>
        protocolMessage(
          row,
          versions.filter((version) => version.protocol_id === row.id),
        ),
      );
      return { protocols, total };
    },

    async addVersion(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      const wanted = versionKey(request.versionKey);
      const semanticVersion = request.semanticVersion.toLowerCase();
      if (parseVersion(semanticVersion) === undefined) {
        throw invalidArgument(
          "protocol_version",
          `'${semanticVersion.slice(0, 60)}' is not a semantic version (1.2.3)`,
        );
      }
      if (request.metadata.length > mostMetadata)
        throw invalidArgument("metadata", `has more than ${mostMetadata} entries`);
      const metadata = request.metadata.map((entry) => ({
        key: key(entry.metadataKey, "metadata_key"),
        value: text(entry.value, "metadata.value", { max: 1024 }),
        ...(entry.description === undefined
          ? {}
          : { description: text(entry.description, "metadata.description", { max: longestDescription }) }),
      }));
      const row = {
        ...wanted,
        org_id: optionalUuid(request.orgId, "org_id"),
        semantic_version: semanticVersion,
        sku_code: text(request.skuCode, "sku_code", { max: 64 }),
        description: optionalText(request.description, "description", longestDescription),
        metadata: JSON.stringify(metadata),
      };
      return write(platform, context, request, async (tx) => {
        const protocol = await tx
          .selectFrom("protocols")
          .select(["id", "org_id"])
          .where("key", "=", wanted.protocol_key)
          .where(seenBy(viewer, "protocols"))
          .executeTakeFirst();
        if (protocol === undefined) throw notFound("Protocol");
        const added = await tx
          .insertInto("protocol_versions")
          .values({ ...row, org_id: row.org_id ?? protocol.org_id, protocol_id: protocol.id })
          .returningAll()
          .executeTakeFirstOrThrow();
        return { version: versionMessage(added) };
      });
    },

    async updateVersion(request, context) {
      const id = uuid(request.protocolVersionId, "protocol_version_id");
      const viewer = viewerOf(callerOf(context));
      const changes = {
        updated_at: new Date(),
        ...(request.skuCode === undefined ? {} : { sku_code: text(request.skuCode, "sku_code", { max: 64 }) }),
        ...(request.description === undefined
          ? {}
          : { description: text(request.description, "description", { max: longestDescription }) }),
        ...(request.visibility === undefined ? {} : { visibility: visibilityName(request.visibility) }),
      };
      if (Object.keys(changes).length === 1) throw failedPrecondition("Nothing to update.");
      return write(platform, context, request, async (tx) => {
        const row = await tx
          .updateTable("protocol_versions")
          .set(changes)
          .where("id", "=", id)
          .where(seenBy(viewer, "protocol_versions"))
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) throw notFound("Version");
        return { protocolVersion: versionMessage(row) };
      });
    },

    async getLatest(request, context) {
      const wanted = versionKey(request.versionKey);
      const versions = await versionsOf(db, viewerOf(callerOf(context), orgsOf(request.orgId)), wanted);
      const latest = versions.at(-1);
      if (latest === undefined) throw noVersions(wanted);
      return { protocolVersion: versionMessage(latest) };
    },

    async listVersions(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      const versions = await versionsOf(db, viewer, versionKey(request.versionKey));
      return { protocolVersions: versions.map(versionMessage) };
    },

    async listVariants(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      const rows = await db
        .selectFrom("protocol_versions")
        .select("variant_key")
        .distinct()
        .where("protocol_id", "=", uuid(request.protocolId, "protocol_id"))
        .where(seenBy(viewer, "protocol_versions"))
        .orderBy("variant_key")
        .execute();
      return { variantKeys: rows.map((row) => row.variant_key) };
    },

    getStats: (request) => protocolStats(db, request),
  };
}

const sortColumns = {
  [ProtocolSortField.KEY]: sql.ref("protocols.key"),
  [ProtocolSortField.NAME]: sql.ref("protocols.name"),
};

async function versionsOfProtocols(db: Database, viewer: Viewer, protocolIds: readonly string[]) {
  if (protocolIds.length === 0) return [];
  const rows = await db
    .selectFrom("protocol_versions")
    .selectAll()
    .where("protocol_id", "in", protocolIds)
    .where(seenBy(viewer, "protocol_versions"))
    .execute();
  return rows.sort(
    (left, right) =>
      left.variant_key.localeCompare(right.variant_key, "en") ||
      compareVersions(left.semantic_version, right.semantic_version),
  );
}

const noVersions = (wanted: ReturnType<typeof versionKey>) =>
  new ConnectError(`No versions found for ${wanted.protocol_key}/${wanted.variant_key}`, Code.NotFound);
