import { randomUUID } from "node:crypto";
import { compactVerify, errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { ResourceKind } from "../database/schema.ts";
import { permissionDenied, unauthenticated } from "../rpc-error.ts";
import type { ResourceRef } from "./caller.ts";

const algorithm = "HS512";
const audience = "blockvisor-api";
/** Clients refresh up to half a minute after expiry and count on this (CA-1.20). */
const leewaySeconds = 60;

const kindNames = { User: "user", Org: "org", Host: "host", Node: "node" } as const satisfies Record<
  string,
  ResourceKind
>;
const wireNames = { user: "User", org: "Org", host: "Host", node: "Node" } as const satisfies Record<
  ResourceKind,
  string
>;

const oneOrMany = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]));
const payloadSchema = z.object({
  resource_type: z.enum(["User", "Org", "Host", "Node"]),
  resource_id: z.uuid(),
  exp: z.number(),
  jti: z.string(),
  roles: oneOrMany.optional(),
  data: z.record(z.string(), z.string()).optional(),
});

interface AccessClaims {
  readonly resource: ResourceRef;
  readonly roles: readonly string[];
  readonly data: Readonly<Record<string, string>>;
  readonly tokenId: string;
  /** seconds since 1970 */
  readonly expiresAt: number;
}

export interface AccessTokens {
  sign(claims: Pick<AccessClaims, "resource" | "roles" | "data">): Promise<string>;
  /** @throws UNAUTHENTICATED `TOKEN_EXPIRED`, PERMISSION_DENIED "Invalid JWT token." */
  verify(token: string): Promise<AccessClaims>;
  /** Verifies everything but the expiry: for refreshing. */
  verifyExpired(token: string): Promise<AccessClaims>;
}

/** JWTs as spec §1.4.1 lays them out: all claims on one level, readable by clients. */
export function createAccessTokens(key: Uint8Array, lifeSeconds: number): AccessTokens {
  return {
    async sign({ resource, roles, data }) {
      const [onlyRole, ...moreRoles] = roles;
      return new SignJWT({
        resource_type: wireNames[resource.kind],
        resource_id: resource.id,
        roles: moreRoles.length === 0 && onlyRole !== undefined ? onlyRole : [...roles],
        ...(Object.keys(data).length === 0 ? {} : { data }),
      })
        .setProtectedHeader({ alg: algorithm, typ: "JWT" })
        .setIssuedAt()
        .setExpirationTime(`${lifeSeconds}s`)
        .setAudience(audience)
        .setJti(randomUUID())
        .sign(key);
    },
    async verify(token) {
      try {
        const options = { algorithms: [algorithm], audience, clockTolerance: leewaySeconds };
        return claims((await jwtVerify(token, key, options)).payload);
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw unauthenticated("TOKEN_EXPIRED");
        throw permissionDenied("Invalid JWT token.");
      }
    },
    async verifyExpired(token) {
      try {
        const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
        return claims(JSON.parse(Buffer.from(payload).toString("utf8")));
      } catch {
        throw unauthenticated("Access denied.");
      }
    },
  };
}

function claims(payload: unknown): AccessClaims {
  const parsed = payloadSchema.parse(payload);
  return {
    resource: { kind: kindNames[parsed.resource_type], id: parsed.resource_id },
    roles: parsed.roles ?? [],
    data: parsed.data ?? {},
    tokenId: parsed.jti,
    expiresAt: parsed.exp,
  };
}
