import { compareVersions } from "@blockvisor/image/version";
import type { ProtocolVersionKey } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import type { Expression, ExpressionBuilder, SqlBool } from "kysely";
import { type Caller, visibleTo } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import type { Schema, Visibility } from "../database/schema.ts";
import { invalidArgument } from "../rpc-error.ts";
import { key } from "../wire-fields.ts";

/** Whose catalogue rows a request may see: public ones, and those of the orgs it names or the caller belongs to. */
export interface Viewer {
  readonly visible: readonly Visibility[];
  readonly orgIds: readonly string[];
  /** Superusers see the rows of every org. */
  readonly everyOrg: boolean;
}

export const viewerOf = (caller: Caller, orgIds: readonly string[] = []): Viewer => ({
  visible: visibleTo(caller),
  // An API key or user that belongs to an org need not name it: otherwise its own pushes would be lost to it (CA-2.33).
  orgIds: [...new Set([...orgIds, ...caller.orgIds])],
  everyOrg: caller.permissions.has("protocol-admin-view-private"),
});

type CatalogueTable = "protocols" | "protocol_versions" | "images";

/** The condition that hides what a viewer may not see; an invisible row behaves like a missing one (spec §1.1). */
export function seenBy<Table extends CatalogueTable>(viewer: Viewer, table: Table) {
  return (row: ExpressionBuilder<Schema, Table>): Expression<SqlBool> => {
    const builder = row as unknown as ExpressionBuilder<Schema, CatalogueTable>;
    if (viewer.visible.length === 0) return builder.lit(false);
    const orgColumn = `${table}.org_id` as "protocols.org_id";
    return builder.and([
      builder(`${table}.visibility` as "protocols.visibility", "in", viewer.visible),
      viewer.everyOrg
        ? builder.lit(true)
        : builder.or([
            builder(orgColumn, "is", null),
            ...(viewer.orgIds.length === 0 ? [] : [builder(orgColumn, "in", viewer.orgIds)]),
          ]),
    ]);
  };
}

export function versionKey(message: ProtocolVersionKey | undefined) {
  if (message === undefined) throw invalidArgument("version_key");
  return {
    protocol_key: key(message.protocolKey, "version_key.protocol_key"),
    variant_key: key(message.variantKey, "version_key.variant_key"),
  };
}

/** Visible versions of a variant, ascending. */
export async function versionsOf(db: Database, viewer: Viewer, wanted: ReturnType<typeof versionKey>) {
  const rows = await db
    .selectFrom("protocol_versions")
    .selectAll()
    .where("protocol_key", "=", wanted.protocol_key)
    .where("variant_key", "=", wanted.variant_key)
    .where(seenBy(viewer, "protocol_versions"))
    .execute();
  return rows.sort((left, right) => compareVersions(left.semantic_version, right.semantic_version));
}
