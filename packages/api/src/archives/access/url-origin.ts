import type { HandlerContext } from "@connectrpc/connect";
import { callerOf } from "../../auth/caller.ts";
import { requestOriginKey } from "../../listener/request-origin.ts";
import type { Platform } from "../../platform.ts";
import { invalidArgument } from "../../rpc-error.ts";

const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);
const everyInterface = new Set(["0.0.0.0", "::"]);

/**
 * Scheme and authority of the urls that this process serves itself: what the operator says, or the way the request came. A host on this
 * machine comes over the loopback address, which its nodes do not have; where this process listens on every interface they are given the
 * host's address instead.
 */
export async function urlOrigin({ db, objects, settings }: Platform, context: HandlerContext): Promise<string> {
  const origin = settings.publicUrl ?? context.values.get(requestOriginKey);
  if (objects.kind !== "directory") return origin;
  if (origin === "") throw invalidArgument("host", "the request does not say which address it was sent to");
  const { resource } = callerOf(context);
  const url = new URL(origin);
  if (settings.publicUrl !== undefined || resource.kind !== "host" || !loopback.has(url.hostname)) return origin;
  if (!everyInterface.has(settings.host)) return origin;
  const host = await db.selectFrom("hosts").select("ip_address").where("id", "=", resource.id).executeTakeFirst();
  if (host !== undefined) url.hostname = host.ip_address.includes(":") ? `[${host.ip_address}]` : host.ip_address;
  return url.origin;
}
