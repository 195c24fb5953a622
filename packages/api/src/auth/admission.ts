import { TurnsOfEach } from "@blockvisor/rpc";
import { ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import type { Database } from "../database/open-database.ts";
import type { Admit, BodyLimits } from "../listener/admitted-bodies.ts";
import { accessOf, type Permission } from "./access-table.ts";
import type { AccessTokens } from "./access-token.ts";
import { authenticate, bearerToken } from "./authenticate.ts";
import { callerKey } from "./caller.ts";
import { outward } from "./interceptor.ts";

const mebi = 1024 * 1024;

/** The largest is of a machine that registers, with all its addresses. */
const ofAnybody: BodyLimits = { sent: mebi, decoded: 16 * mebi };
const ofCallers: BodyLimits = { sent: 4 * mebi, decoded: 64 * mebi };
/** A manifest lists every chunk of an archive, tens of thousands of them (spec §0.2), and a chunk every file that has a part of it. */
const ofPublishers: BodyLimits = { sent: 150 * mebi, decoded: 1024 * mebi, together: 1024 * mebi };

const publishing: ReadonlySet<DescMethod> = new Set<DescMethod>([
  ArchiveService.method.putDownloadManifest,
  ArchiveService.method.putDownloadManifestByStoreKey,
  ArchiveStoreService.method.putManifest,
]);
const publishers: readonly Permission[] = ["archive-put-download-manifest", "archive-admin-put-download-manifest"];

/** Who calls is known before the body is read; whether he may, with what the request is about, only after. */
export function admission(db: Database, tokens: AccessTokens, log: Logger): Admit {
  const turns = new TurnsOfEach();
  return async (method, header, values) => {
    if (accessOf(method)?.kind !== "guarded") return ofAnybody;
    try {
      const caller = await authenticate(db, tokens, bearerToken(header.get("authorization")));
      values?.set(callerKey, caller);
      const mayPublish = publishers.some((permission) => caller.permissions.has(permission));
      if (!publishing.has(method) || !mayPublish) return ofCallers;
      return { ...ofPublishers, turn: (signal) => turns.take(caller.resource.id, signal) };
    } catch (thrown) {
      throw outward(log, method, thrown);
    }
  };
}
