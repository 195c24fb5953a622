import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Database } from "../database/open-database.ts";
import type { ResourceKind } from "../database/schema.ts";
import { permissionDenied, unauthenticated } from "../rpc-error.ts";
import type { ResourceRef } from "./caller.ts";

const algorithm = "HS512";
const audience = "blockvisor-api-refresh";
/** Two processes of one host may refresh at the same moment; for so long the older token still counts. */
const overlapMs = 60_000;

const payloadSchema = z.object({ sid: z.uuid(), gen: z.number().int().nonnegative() });

export interface SessionLimits {
  /** seconds a refresh token is good for, by who holds it */
  readonly life: Readonly<Record<ResourceKind, number>>;
  /** seconds after which a user has to sign in again, however often it refreshed */
  readonly absoluteUserLife: number;
}

/**
 * Sessions behind refresh tokens (CA-1.13). Each refresh gives a token of the next generation. A token stays usable until
 * one of the next generation has been used, so a lost answer does not lock a host out; one that comes later was copied,
 * and ends the session.
 */
export interface Sessions {
  /** @returns the first refresh token of a new session */
  start(db: Database, resource: ResourceRef): Promise<string>;
  /** Runs in a transaction, which also has to be committed when the answer is `reused`: that revoked the session. */
  refresh(db: Database, token: string): Promise<Refreshed>;
  revokeAll(db: Database, resource: ResourceRef): Promise<void>;
  /** seconds */
  lifeOf(kind: ResourceKind): number;
}

type Refreshed =
  | { readonly kind: "refreshed"; readonly resource: ResourceRef; readonly refresh: string }
  | { readonly kind: "reused" };

export function createSessions(key: Uint8Array, limits: SessionLimits): Sessions {
  const sign = (sid: string, gen: number, expiresAt: Date) =>
    new SignJWT({ sid, gen })
      .setProtectedHeader({ alg: algorithm, typ: "JWT" })
      .setIssuedAt()
      .setExpirationTime(expiresAt)
      .setAudience(audience)
      .sign(key);

  return {
    lifeOf: (kind) => limits.life[kind],
    async start(db, resource) {
      const now = Date.now();
      const expiresAt = new Date(now + limits.life[resource.kind] * 1000);
      const absolute = resource.kind === "user" ? new Date(now + limits.absoluteUserLife * 1000) : null;
      const { id } = await db
        .insertInto("sessions")
        .values({
          resource_type: resource.kind,
          resource_id: resource.id,
          expires_at: expiresAt,
          absolute_expires_at: absolute,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return sign(id, 1, expiresAt);
    },
    async refresh(db, token) {
      const { sid, gen } = await verify(key, token);
      const session = await db.selectFrom("sessions").selectAll().where("id", "=", sid).forUpdate().executeTakeFirst();
      if (session === undefined || session.revoked_at !== null) throw permissionDenied("Invalid refresh token.");
      const now = Date.now();
      if (session.absolute_expires_at !== null && session.absolute_expires_at.getTime() <= now) {
        throw unauthenticated("TOKEN_EXPIRED");
      }
      const overlapping = session.used_at !== null && now - session.used_at.getTime() < overlapMs;
      if (gen < session.generation && !overlapping) {
        await db.updateTable("sessions").set({ revoked_at: new Date() }).where("id", "=", sid).execute();
        return { kind: "reused" };
      }
      const slid = now + limits.life[session.resource_type] * 1000;
      const expiresAt = new Date(Math.min(slid, session.absolute_expires_at?.getTime() ?? slid));
      await db
        .updateTable("sessions")
        .set({
          expires_at: expiresAt,
          ...(gen > session.generation ? { generation: gen, used_at: new Date(now) } : {}),
        })
        .where("id", "=", sid)
        .execute();
      return {
        kind: "refreshed",
        resource: { kind: session.resource_type, id: session.resource_id },
        refresh: await sign(sid, Math.max(gen, session.generation) + 1, expiresAt),
      };
    },
    async revokeAll(db, resource) {
      await db
        .updateTable("sessions")
        .set({ revoked_at: new Date() })
        .where("resource_type", "=", resource.kind)
        .where("resource_id", "=", resource.id)
        .where("revoked_at", "is", null)
        .execute();
    },
  };
}

async function verify(key: Uint8Array, token: string) {
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: [algorithm], audience });
    return payloadSchema.parse(payload);
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw unauthenticated("TOKEN_EXPIRED");
    throw permissionDenied("Invalid refresh token.");
  }
}
