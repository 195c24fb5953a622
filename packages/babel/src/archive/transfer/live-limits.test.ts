import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engineClient } from "../../service/engine.ts";
import { ArchiveEngine } from "../testing/archive-engine.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { hostShare } from "./host-share.ts";
import { followLimits } from "./live-limits.ts";

test("a job takes no more bandwidth than its caps and its share of the host's say, the host being there or not", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "babel-limits-"));
  const store = await FaultyStore.start();
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  const { signal } = new AbortController();
  const config = {
    job_type: { download: { max_connections: 2, max_bytes_per_second: 5000 } },
    restart: "never",
  } as const;
  const socket = join(folder, "engine.sock");
  const client = engineClient(socket, () => "secret");
  let now = 0;
  const share = hostShare(client, "download", signal, () => now);
  /** What counts, ten seconds later. */
  const limits = async (of = share): Promise<unknown> => {
    now += 10_000;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    (await followLimits({ folder, config }, of, resolve)).end();
    return promise;
  };

  assert.deepEqual(await limits(), { max_connections: 2, max_bytes_per_second: 5000 }, "the host is away");
  const engine = await ArchiveEngine.start(store, socket);
  engine.share = 3000;
  assert.deepEqual(await limits(), { max_connections: 2, max_bytes_per_second: 3000 });
  engine.share = 9000;
  assert.deepEqual(await limits(async () => 3000), { max_connections: 2, max_bytes_per_second: 3000 });
  assert.deepEqual(await limits(), { max_connections: 2, max_bytes_per_second: 5000 });
  await writeFile(join(folder, "limits.json"), JSON.stringify({ max_bytes_per_second: 20_000 }));
  assert.deepEqual(await limits(), { max_connections: 2, max_bytes_per_second: 9000 });
  const asked = engine.calls["getTransferShare"];
  assert.deepEqual([await share(), engine.calls["getTransferShare"]], [9000, asked], "not before it is time");
  await engine.close();
  assert.deepEqual(await limits(), { max_connections: 2, max_bytes_per_second: 9000 }, "what it said last");

  const older = await ArchiveEngine.start(store, join(folder, "older.sock"), { reference: true });
  const none = hostShare(
    engineClient(join(folder, "older.sock"), () => "secret"),
    "download",
    signal,
  );
  assert.equal(await none(), undefined);
  await older.close();
});
