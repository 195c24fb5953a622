import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { archiveKeys } from "../manifest/archive-keys.ts";
import { reserveVersion } from "../slots.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { openWorkshop, ownerNamed, type Workshop } from "../testing/workshop.ts";
import { findVersion } from "./find-version.ts";
import { publish } from "./publish.ts";
import { release } from "./release.ts";
import { reserve } from "./reserve.ts";

const owner = ownerNamed(1);
const other = ownerNamed(2);

describe("publishing", () => {
  let workshop: Workshop;
  before(async () => {
    workshop = await openWorkshop();
  });
  after(() => workshop.close());

  const newest = (storeKey: string) =>
    findVersion(workshop.db, workshop.objects, storeKey, undefined).then(
      ({ version }) => version,
      () => 0n,
    );
  const reserveFor = (storeKey: string, who = owner, wanted?: bigint) =>
    workshop.db.transaction().execute((tx) => reserve(tx, storeKey, who, wanted, 3600));
  const setLease = (storeKey: string, lease_until: Date) =>
    workshop.db.updateTable("archive_versions").set({ lease_until }).where("store_key", "=", storeKey).execute();

  test("cut before each of its writes and looks, it is repeatable, and no reader ever sees half of it", async () => {
    for (let steps = 0, done = false; !done; steps += 1) {
      assert.ok(steps < 20);
      const storeKey = `cut-after-${steps}-v1`;
      const { version, manifest } = await workshop.prepare(storeKey, `content ${steps}`);
      const cut = stopAfter(workshop.objects, steps);
      const publishing = publish(workshop.platform(cut.objects), { storeKey, version, owner, manifest });
      done = await Promise.race([publishing.then(() => true), cut.stopped.then(() => false)]);
      const [header, body] = await Promise.all(
        [archiveKeys.header, archiveKeys.body].map((key) => workshop.objects.head(key(storeKey, version))),
      );
      assert.ok(header === undefined || body !== undefined, "a header says that there is a body");
      assert.equal(await newest(storeKey), done ? 1n : 0n);
      await publish(workshop.platform(), { storeKey, version, owner, manifest });
      assert.equal(await newest(storeKey), 1n);
      assert.equal(String(await workshop.objects.get(archiveKeys.part(storeKey, version, 0), 100)), `content ${steps}`);
    }
  });

  test("another content waits for the one that is being published, and does not replace it", async () => {
    const storeKey = "two-contents-v1";
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    const cut = stopAfter(workshop.objects, 2);
    publish(workshop.platform(cut.objects), { storeKey, version, owner, manifest }).catch(() => {});
    await cut.stopped;
    const changed = { ...manifest, summary: { ...manifest.summary, source: { changed: "yes" } } };
    const publishChanged = () => publish(workshop.platform(), { storeKey, version, owner, manifest: changed });
    await assert.rejects(publishChanged, /\[unavailable\] Version 1 is being published with another content/);
    await workshop.db
      .updateTable("archive_versions")
      .set({ publishing_until: new Date(0) })
      .execute();
    await publishChanged();
    await assert.rejects(publish(workshop.platform(), { storeKey, version, owner, manifest }), /Data version: 1/);
    assert.deepEqual((await findVersion(workshop.db, workshop.objects, storeKey, 1n)).summary.source, {
      changed: "yes",
    });
  });

  test("a manifest that the store has already counts, whoever put it there", async () => {
    const storeKey = "store-decides-v1";
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    await workshop.objects.put(archiveKeys.body(storeKey, version), Buffer.from('{"chunks":[]}'));
    const header = '{"total_size":0,"compression":null,"chunks":0}';
    await workshop.objects.put(archiveKeys.header(storeKey, version), Buffer.from(header));
    await assert.rejects(publish(workshop.platform(), { storeKey, version, owner, manifest }), /Data version: 1/);
    assert.equal((await findVersion(workshop.db, workshop.objects, storeKey, 1n)).summary.totalSize, 0);
    assert.equal(String(await workshop.objects.get(archiveKeys.header(storeKey, version), 1000)), header);
  });

  test("something unreadable in the version's place does not block the archive", async () => {
    const storeKey = "unreadable-v1";
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    await workshop.objects.put(archiveKeys.header(storeKey, version), Buffer.from("not a manifest"));
    await assert.rejects(publish(workshop.platform(), { storeKey, version, owner, manifest }), /Data version: 1/);
    const next = await workshop.prepare(storeKey, "content");
    await publish(workshop.platform(), { storeKey, ...next, owner });
    assert.equal(await newest(storeKey), 2n);
  });

  test("a lease lasts a day from its last renewal on; then it is taken over with its number, and its old owner cannot publish any more (T-22)", async (t) => {
    const storeKey = "lease-over-v1";
    const hour = 3600_000;
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    t.mock.timers.tick(10 * hour);
    const { leaseUntil } = await reserveVersion(workshop.platform(), storeKey, owner, version, 0);
    assert.equal(Number(leaseUntil), Date.now() + 24 * hour);
    t.mock.timers.tick(24 * hour - 1);
    await assert.rejects(reserveFor(storeKey, other), /\[already_exists\] Data version: 1/);
    t.mock.timers.tick(1);
    assert.equal((await reserveFor(storeKey, other)).version, 1n);
    const late = publish(workshop.platform(), { storeKey, version, owner, manifest });
    await assert.rejects(late, /\[failed_precondition\] The reservation of version 1 is lost/);
    await assert.rejects(reserveFor(storeKey, owner, 1n), /\[already_exists\] Data version: 1/);
  });

  test("an owner whose lease ran out goes on when nobody was faster", async () => {
    const storeKey = "lease-renewed-v1";
    const { version, manifest } = await workshop.prepare(storeKey, "content");
    await setLease(storeKey, new Date(Date.now() - 1000));
    const { leaseUntil } = await reserveFor(storeKey, owner, version);
    assert.ok(Number(leaseUntil) > Date.now());
    await publish(workshop.platform(), { storeKey, version, owner, manifest });
  });

  test("nodes of one host are different owners", async () => {
    const storeKey = "two-nodes-v1";
    const node = (nodeId: string) => ({ ...owner, nodeId });
    const [one, two] = ["10000000-0000-4000-8000-000000000000", "20000000-0000-4000-8000-000000000000"];
    assert.equal((await reserveFor(storeKey, node(one ?? ""))).version, 1n);
    await assert.rejects(reserveFor(storeKey, node(two ?? "")), /Data version: 1/);
    assert.equal((await reserveFor(storeKey, node(one ?? ""))).version, 1n);
  });

  test("what is released is not reserved again, nor is what another owner holds released", async () => {
    const storeKey = "released-v1";
    const { version } = await reserveFor(storeKey);
    await workshop.db.transaction().execute((tx) => release(tx, storeKey, version, other));
    await assert.rejects(reserveFor(storeKey, other), /Data version: 1/);
    await workshop.db.transaction().execute((tx) => release(tx, storeKey, version, owner));
    await assert.rejects(reserveFor(storeKey, owner, 1n), /The reservation of version 1 is lost/);
    assert.equal((await reserveFor(storeKey, other)).version, 2n);
  });
});

/** The store, until it has done so much; then it never answers again, as a process that is killed does not. */
function stopAfter(objects: ObjectStore, steps: number) {
  let left = steps;
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const gate = <Args extends readonly unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      left -= 1;
      if (left >= 0) return call(...args);
      stop();
      return new Promise(() => {});
    };
  };
  const { head, get, put, create } = objects;
  return {
    stopped,
    objects: { ...objects, head: gate(head), get: gate(get), put: gate(put), create: gate(create) },
  };
}
