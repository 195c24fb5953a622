import { createHash } from "node:crypto";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { ManifestCache } from "./archives/manifest/manifest-cache.ts";
import type { ObjectStore } from "./archives/store/object-store.ts";
import { rpcName } from "./auth/access-table.ts";
import type { AccessTokens } from "./auth/access-token.ts";
import { callerKey } from "./auth/caller.ts";
import type { LoginThrottle } from "./auth/login-throttle.ts";
import type { Sessions } from "./auth/session.ts";
import type { Broker } from "./broker/broker.ts";
import type { BundleSource } from "./bundles/bundle-source.ts";
import type { Settings } from "./configuration/settings.ts";
import { isTransient, translateDatabaseError } from "./database/constraint.ts";
import type { Database } from "./database/open-database.ts";
import type { Outbox } from "./outbox/outbox.ts";
import { invalidArgument } from "./rpc-error.ts";
import type { Vault } from "./secrets/vault.ts";

/** What every service works with. */
export interface Platform {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly broker: Broker;
  readonly tokens: AccessTokens;
  readonly sessions: Sessions;
  readonly vault: Vault;
  readonly throttle: LoginThrottle;
  readonly bundles: BundleSource;
  readonly objects: ObjectStore;
  readonly manifests: ManifestCache;
  readonly settings: Settings;
  readonly log: Logger;
}

const attempts = 5;
const longestKey = 200;

/** One transaction, tried again when it lost against a concurrent one; its messages go out after the commit. */
export async function transact<Result>(
  platform: Pick<Platform, "db" | "outbox">,
  work: (tx: Database) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await platform.db.transaction().execute(work);
      platform.outbox.wake();
      return result;
    } catch (error) {
      if (attempt < attempts && isTransient(error)) continue;
      throw translateDatabaseError(error);
    }
  }
}

/**
 * Runs a write call. With an `idempotency-key` in the request a repeated call gets the first answer, for a day, instead of
 * doing its work again (CA-0.4); work, answer and key are committed together.
 */
export async function write<Response>(
  platform: Platform,
  context: HandlerContext,
  request: unknown,
  work: (tx: Database) => Promise<Response>,
): Promise<Response> {
  const key = context.requestHeader.get("idempotency-key");
  if (key === null) return transact(platform, work);
  if (key.length === 0 || key.length > longestKey) throw invalidArgument("idempotency-key");
  const { input, output } = context.method;
  const caller = context.values.get(callerKey);
  const row = {
    key,
    caller: caller === undefined ? "" : `${caller.resource.kind}/${caller.resource.id}`,
    method: rpcName(context.method),
    request_hash: createHash("sha256")
      .update(toBinary(input, request as never))
      .digest(),
  };
  // Answers hold fresh API keys and tokens, so they are kept sealed.
  const sealContext = `idempotency/${row.caller}/${row.method}/${key}`;
  return transact(platform, async (tx) => {
    // Inserting first makes a concurrent repetition wait here for the first call's commit.
    const inserted = await tx
      .insertInto("idempotency")
      .values({ ...row, response: new Uint8Array() })
      .onConflict((conflict) => conflict.doNothing())
      .returning("key")
      .executeTakeFirst();
    const identity = (query: ReturnType<typeof tx.selectFrom<"idempotency">>) =>
      query.where("key", "=", row.key).where("caller", "=", row.caller).where("method", "=", row.method);
    if (inserted === undefined) {
      const first = await identity(tx.selectFrom("idempotency"))
        .select(["request_hash", "response"])
        .executeTakeFirstOrThrow();
      if (!row.request_hash.equals(first.request_hash)) {
        throw new ConnectError("idempotency-key was used for another request", Code.FailedPrecondition);
      }
      return fromBinary(output, platform.vault.open(first.response, sealContext)) as Response;
    }
    const response = await work(tx);
    const answer = create(output, response as MessageInitShape<typeof output>);
    await tx
      .updateTable("idempotency")
      .set({ response: platform.vault.seal(toBinary(output, answer), sealContext) })
      .where("key", "=", row.key)
      .where("caller", "=", row.caller)
      .where("method", "=", row.method)
      .execute();
    return response;
  });
}
