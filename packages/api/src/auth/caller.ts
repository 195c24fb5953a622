import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { ResourceKind, Visibility } from "../database/schema.ts";
import { unauthenticated } from "../rpc-error.ts";
import type { Permission, Rule } from "./access-table.ts";

export interface ResourceRef {
  readonly kind: ResourceKind;
  readonly id: string;
}

/** Who is calling, as proven by the token of the request, and what it may do. */
export interface Caller {
  readonly resource: ResourceRef;
  readonly credential: "access_token" | "api_key";
  /** id of the token or key; never the secret itself */
  readonly tokenId: string;
  /** permissions that hold whatever the target is */
  readonly permissions: ReadonlySet<Permission>;
  /** orgs the caller belongs to: those of a user, the one of a private host */
  readonly orgIds: ReadonlySet<string>;
  /** @throws PERMISSION_DENIED or NOT_FOUND when the rule does not hold */
  require(rule: Rule): Promise<void>;
}

export const callerKey = createContextKey<Caller | undefined>(undefined, { description: "caller" });

/** The caller of a guarded RPC. */
export function callerOf(context: HandlerContext): Caller {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw unauthenticated("Missing auth header.");
  return caller;
}

/** Which catalogue rows the caller sees (spec §1.1; CA-1.34: whoever sees private ones sees development ones too). */
export function visibleTo(caller: Caller): readonly Visibility[] {
  const visible: Visibility[] = [];
  if (caller.permissions.has("protocol-view-public")) visible.push("public");
  if (caller.permissions.has("protocol-admin-view-private")) visible.push("private", "development");
  else if (caller.permissions.has("protocol-view-development")) visible.push("development");
  return visible;
}
