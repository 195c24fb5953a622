import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { keySegments } from "./object-key.ts";

/** What a signed url of the directory store allows, once. */
export interface Permit {
  readonly method: "GET" | "PUT";
  readonly key: string;
  /** unix seconds */
  readonly expires: number;
  readonly size?: number | undefined;
  /** hex */
  readonly sha256?: string | undefined;
}

export const signedPathPrefix = "/archive-objects/";

export interface PathSigner {
  /** @returns path and query of the url */
  sign(permit: Permit): string;
  /** @returns what the url allows; undefined when it was not signed here, was changed, or its time is over */
  verify(method: string, pathAndQuery: string, now: number): Permit | undefined;
}

/** Paths signed with a key of their own, derived from the installation's master key: they stay valid over restarts. */
export function createPathSigner(master: Uint8Array): PathSigner {
  const key = Buffer.from(hkdfSync("sha256", master, "", "blockvisor archive urls", 32));
  const signature = (permit: Permit) =>
    createHmac("sha256", key)
      .update(JSON.stringify([permit.method, permit.key, permit.expires, permit.size ?? null, permit.sha256 ?? null]))
      .digest();
  return {
    sign(permit) {
      keySegments(permit.key);
      const query = new URLSearchParams({ expires: String(permit.expires) });
      if (permit.size !== undefined) query.set("size", String(permit.size));
      if (permit.sha256 !== undefined) query.set("sha256", permit.sha256);
      query.set("signature", signature(permit).toString("base64url"));
      return `${signedPathPrefix}${permit.key}?${query}`;
    },
    verify(method, pathAndQuery, now) {
      const [path = "", query = ""] = split(pathAndQuery);
      if (!path.startsWith(signedPathPrefix)) return undefined;
      const fields = new URLSearchParams(query);
      const size = fields.get("size");
      const permit: Permit = {
        // A HEAD tells less than the GET that was allowed.
        method: method === "HEAD" ? "GET" : (method as Permit["method"]),
        key: path.slice(signedPathPrefix.length),
        expires: Number(fields.get("expires")),
        size: size === null ? undefined : Number(size),
        sha256: fields.get("sha256") ?? undefined,
      };
      const given = Buffer.from(fields.get("signature") ?? "", "base64url");
      const wanted = signature(permit);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
      return permit.expires * 1000 > now ? permit : undefined;
    },
  };
}

function split(pathAndQuery: string): readonly [string, string] {
  const at = pathAndQuery.indexOf("?");
  return at < 0 ? [pathAndQuery, ""] : [pathAndQuery.slice(0, at), pathAndQuery.slice(at + 1)];
}
