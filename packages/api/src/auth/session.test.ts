import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { type OpenDatabase, openDatabase } from "../database/open-database.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import { createSessions, type Sessions } from "./session.ts";

describe("refresh tokens", () => {
  let directory = "";
  let database: OpenDatabase;
  const life = { user: 3600, org: 3600, host: 3600, node: 3600 };
  const host = { kind: "host", id: randomUUID() } as const;
  const sessions: Sessions = createSessions(Buffer.alloc(64, 3), { life, absoluteUserLife: 7200 });

  before(async () => {
    directory = await newDataDir();
    database = await openDatabase({ kind: "embedded", directory });
  });
  after(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const refresh = async (token: string) => {
    const outcome = await sessions.refresh(database.db, token);
    assert.equal(outcome.kind, "refreshed");
    return outcome.kind === "refreshed" ? outcome.refresh : "";
  };
  /** Makes it look as if the last use was long ago. */
  const letTimePass = () =>
    database.db
      .updateTable("sessions")
      .set({ used_at: new Date(0) })
      .execute();

  test("a lost answer does not lock the holder out", async () => {
    const first = await sessions.start(database.db, host);
    await refresh(first);
    await letTimePass();
    await refresh(await refresh(first));
  });

  test("a token that comes back after its successor was used was copied: the session ends", async () => {
    const stolen = await sessions.start(database.db, host);
    const second = await refresh(stolen);
    const third = await refresh(second);
    await letTimePass();
    assert.deepEqual(await sessions.refresh(database.db, stolen), { kind: "reused" });
    await assert.rejects(sessions.refresh(database.db, third), /Invalid refresh token/);
  });

  test("signing with another key, or as an access token, is refused", async () => {
    const other = createSessions(Buffer.alloc(64, 4), { life, absoluteUserLife: 7200 });
    await assert.rejects(sessions.refresh(database.db, await other.start(database.db, host)), /Invalid refresh token/);
  });

  test("a user signs in again after the absolute lifetime, however often it refreshed", async () => {
    const user = { kind: "user", id: randomUUID() } as const;
    const token = await sessions.start(database.db, user);
    await database.db
      .updateTable("sessions")
      .set({ absolute_expires_at: new Date(Date.now() - 1) })
      .where("resource_id", "=", user.id)
      .execute();
    await assert.rejects(sessions.refresh(database.db, token), /\[unauthenticated\] TOKEN_EXPIRED/);
  });
});

test("the pause after failed attempts doubles, and is forgotten after success", () => {
  let now = 0;
  const throttle = createLoginThrottle(() => now);
  const account = { kind: "account", value: "a" } as const;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    throttle.check([account]);
    throttle.failed([account]);
  }
  assert.throws(() => throttle.check([account]), /Try again in 1 seconds/);
  now += 1000;
  throttle.check([account]);
  throttle.failed([account]);
  assert.throws(() => throttle.check([account]), /Try again in 2 seconds/);
  throttle.check([{ kind: "address", value: "a" }]);
  throttle.succeeded(account);
  throttle.check([account]);
});
