import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { HostStatusSchema } from "@blockvisor/wire/blockjoy/common/v1/host";
import type { Broker } from "../broker/broker.ts";
import { type OpenDatabase, openDatabase } from "../database/open-database.ts";
import { quiet } from "../testing/api-under-test.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { publish, startOutbox } from "./outbox.ts";

/** A broker in this process that can be down, and that tells what it got. */
function brokerThat(accepts: () => boolean) {
  const got: string[] = [];
  const waiting: (() => void)[] = [];
  const broker: Broker = {
    kind: "external",
    url: "mqtt://broker",
    connected: () => true,
    publish: async (topic) => {
      if (!accepts()) throw new Error("down");
      got.push(topic);
      for (const resolve of waiting.splice(0)) resolve();
    },
    close: async () => {},
  };
  const untilGot = async (count: number) => {
    while (got.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { broker, got, untilGot };
}

describe("the outbox", () => {
  let directory = "";
  let database: OpenDatabase;
  beforeEach(async () => {
    directory = await newDataDir();
    database = await openDatabase({ kind: "embedded", directory });
  });
  afterEach(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const commit = (...topics: string[]) =>
    database.db.transaction().execute((tx) => publish(tx, topics, HostStatusSchema, { hostId: "h" }));
  const left = async () => (await database.db.selectFrom("outbox").select("topic").execute()).map((row) => row.topic);

  test("sends in the order of the commits and forgets what was sent", async () => {
    const { broker, got, untilGot } = brokerThat(() => true);
    const outbox = startOutbox(database.db, broker, quiet);
    await commit("/1", "/2");
    await commit("/3");
    outbox.wake();
    await untilGot(3);
    await outbox.close();
    assert.deepEqual(got, ["/1", "/2", "/3"]);
    assert.deepEqual(await left(), []);
  });

  test("what is rolled back is never sent", async () => {
    const { broker, got, untilGot } = brokerThat(() => true);
    const failing = database.db.transaction().execute(async (tx) => {
      await publish(tx, ["/lost"], HostStatusSchema, { hostId: "h" });
      throw new Error("rolled back");
    });
    await assert.rejects(failing, /rolled back/);
    await commit("/kept");
    const outbox = startOutbox(database.db, broker, quiet);
    await untilGot(1);
    await outbox.close();
    assert.deepEqual(got, ["/kept"]);
  });

  test("a message that was committed before a crash is sent by the next process", async () => {
    await commit("/1");
    const { broker, got, untilGot } = brokerThat(() => true);
    const outbox = startOutbox(database.db, broker, quiet);
    await untilGot(1);
    await outbox.close();
    assert.deepEqual(got, ["/1"]);
  });

  test("what a broker does not take stays, in its order, and goes when it does", async () => {
    let up = false;
    const { broker, got, untilGot } = brokerThat(() => up || got.length === 0);
    await commit("/1", "/2", "/3");
    const first = startOutbox(database.db, broker, quiet);
    await untilGot(1);
    await first.close();
    assert.deepEqual(await left(), ["/2", "/3"]);
    up = true;
    const second = startOutbox(database.db, broker, quiet);
    await untilGot(3);
    await second.close();
    assert.deepEqual(got, ["/1", "/2", "/3"]);
  });

  test("what another replica took and died with is taken over", async () => {
    await commit("/1");
    await database.db
      .updateTable("outbox")
      .set({ claimed_at: new Date(Date.now() - 60_000) })
      .execute();
    await commit("/2");
    await database.db.updateTable("outbox").set({ claimed_at: new Date() }).where("topic", "=", "/2").execute();
    const { broker, got, untilGot } = brokerThat(() => true);
    const outbox = startOutbox(database.db, broker, quiet);
    await untilGot(1);
    await outbox.close();
    assert.deepEqual(got, ["/1"], "and what another one is about to send is left to it");
  });
});
