import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Caller } from "../../auth/caller.ts";
import { type Fixture, seedHost, seedOrg } from "../../testing/seed.ts";
import { openWorkshop, type Workshop } from "../testing/workshop.ts";
import { storeKeyOf } from "./archive-target.ts";

/** A host and its org, as a token says it. */
const hostCaller = (id: string, orgIds: readonly string[]) =>
  ({
    resource: { kind: "host", id },
    permissions: new Set(["protocol-view-public"]),
    orgIds: new Set(orgIds),
  }) as unknown as Caller;

describe("which archives a host can see", () => {
  let workshop: Workshop;
  let [ours, theirs]: Fixture[] = [];
  let archiveId = "";
  let publicHost = "";

  before(async () => {
    workshop = await openWorkshop();
    const { db } = workshop;
    ours = await seedOrg(db, "ours", "10.0.0");
    theirs = await seedOrg(db, "theirs", "10.0.1");
    publicHost = await seedHost(db, "public", null, theirs.orgId);
    const row = await db
      .selectFrom("nodes")
      .innerJoin("configs", "configs.id", "nodes.config_id")
      .select("configs.archive_id")
      .where("nodes.id", "=", ours.nodeId)
      .executeTakeFirstOrThrow();
    archiveId = row.archive_id;
    await db
      .updateTable("archives")
      .set({ org_id: ours.orgId, store_key: "ours-private-v1" })
      .where("id", "=", archiveId)
      .execute();
  });
  after(() => workshop.close());

  const see = (caller: Caller) =>
    Promise.all(
      [{ kind: "id", archiveId } as const, { kind: "key", storeKey: "ours-private-v1" } as const].map((target) =>
        storeKeyOf(workshop.db, caller, target).catch((error: Error) => error.message),
      ),
    );
  const hidden = Array(2).fill("[not_found] Image archive not found.");
  const visible = Array(2).fill("ours-private-v1");

  test("an archive of an org's own image is there for the org's hosts, and for hosts that run nodes of the org", async () => {
    assert.deepEqual(await see(hostCaller(ours?.hostId ?? "", [ours?.orgId ?? ""])), visible);
    assert.deepEqual(await see(hostCaller(theirs?.hostId ?? "", [theirs?.orgId ?? ""])), hidden);
    assert.deepEqual(await see(hostCaller(publicHost, [])), hidden);
    await workshop.db
      .updateTable("nodes")
      .set({ host_id: publicHost })
      .where("id", "=", ours?.nodeId ?? "")
      .execute();
    assert.deepEqual(await see(hostCaller(publicHost, [])), visible);
  });

  test("keys that no image's archive has, and archives of public images, are there for everybody", async () => {
    const stranger = hostCaller(publicHost, []);
    assert.equal(
      await storeKeyOf(workshop.db, stranger, { kind: "key", storeKey: "service-of-a-plugin-v1" }),
      "service-of-a-plugin-v1",
    );
    assert.equal(await storeKeyOf(workshop.db, stranger, { kind: "key", storeKey: "store-key" }), "store-key");
  });
});
