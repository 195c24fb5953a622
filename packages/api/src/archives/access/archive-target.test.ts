import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Caller } from "../../auth/caller.ts";
import type { Platform } from "../../platform.ts";
import { type Fixture, seedHost, seedOrg } from "../../testing/seed.ts";
import { openWorkshop, ownerNamed, type Workshop } from "../testing/workshop.ts";
import { publish } from "../versions/publish.ts";
import { storeKeyOf } from "./archive-target.ts";
import { everyArchive, requireUploadGrant } from "./upload-grant.ts";

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

  test("a private host that may upload in general does not add to what others have published, unless it is granted", async () => {
    const { db } = workshop;
    const platform = { ...workshop.platform(), settings: { archiveUploaders: ["private"] } } as unknown as Platform;
    const [mine, other] = [ours, theirs].map((org) => hostCaller(org?.hostId ?? "", [org?.orgId ?? ""])) as [
      Caller,
      Caller,
    ];
    const may = (caller: Caller, storeKey: string) =>
      requireUploadGrant(platform, caller, storeKey).then(
        () => true,
        (error: Error) => /others have published to|may not upload/.exec(error.message)?.[0],
      );
    const refused = "others have published to";
    assert.deepEqual(
      [await may(mine, "fresh-key-v1"), await may(hostCaller(publicHost, []), "fresh-key-v1")],
      [true, "may not upload"],
    );
    const publishAs = async (storeKey: string, orgId: string | null) => {
      const owner = { ...ownerNamed(9), orgId };
      const { version, manifest } = await workshop.prepare(storeKey, "content", owner);
      await publish(workshop.platform(), { storeKey, version, owner, manifest });
    };
    await publishAs("fresh-key-v1", ours?.orgId ?? "");
    assert.deepEqual([await may(mine, "fresh-key-v1"), await may(other, "fresh-key-v1")], [true, refused]);
    // An operator's, or found in the bucket.
    await publishAs("platforms-key-v1", null);
    assert.equal(await may(mine, "platforms-key-v1"), refused);
    // An own image that names the key does not make it one's own.
    await db.updateTable("archives").set({ store_key: "platforms-key-v1" }).where("id", "=", archiveId).execute();
    assert.deepEqual([await may(mine, "platforms-key-v1"), await may(other, "platforms-key-v1")], [refused, refused]);
    const granted = { host_id: ours?.hostId ?? "", created_by_type: "org" as const, created_by_id: ours?.orgId ?? "" };
    await db
      .insertInto("archive_upload_grants")
      .values({ ...granted, store_key: everyArchive })
      .execute();
    assert.equal(await may(mine, "platforms-key-v1"), refused);
    await db
      .insertInto("archive_upload_grants")
      .values({ ...granted, store_key: "platforms-key-v1" })
      .execute();
    assert.equal(await may(mine, "platforms-key-v1"), true);
    await db.updateTable("archives").set({ store_key: "ours-private-v1" }).where("id", "=", archiveId).execute();
    assert.deepEqual([await may(mine, "ours-private-v1"), await may(other, "ours-private-v1")], [true, refused]);
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
