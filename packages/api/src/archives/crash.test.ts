import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConnectError } from "@connectrpc/connect";
import { type Clients, clients } from "../testing/clients.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { registerHost } from "../testing/fake-host.ts";
import { freePort } from "../testing/postgres.ts";
import { byKey, chunksOf, downloadByReference, first, putObject, totalOf } from "./testing/archive-client.ts";

const entry = fileURLToPath(new URL("../main.ts", import.meta.url));
const kills = Number(process.env["ARCHIVE_KILLS"] ?? 2);

/** The server as a process on one directory and one port, killed at random moments of publishing and of receiving objects. */
describe("archives over kill -9", () => {
  let dataDir = "";
  let port = 0;
  let server: ChildProcess;
  let token = "";
  const as = (): Clients => clients(`http://127.0.0.1:${port}`, token);

  async function serve(): Promise<string> {
    const flags = ["--data-dir", dataDir, "--port", String(port), "--mqtt-port", "0", "--log-level", "error"];
    server = spawn(
      process.execPath,
      [entry, "serve", ...flags, "--archive-uploaders", "private", "--token-life", "86400"],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let said = "";
    await new Promise<void>((resolve, reject) => {
      server.stdout?.on("data", (chunk) => {
        said += chunk;
        if (said.includes("mqtt: ")) resolve();
      });
      server.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
    });
    return said;
  }
  const kill = async () => {
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
  };

  before(async () => {
    dataDir = await newDataDir();
    port = await freePort();
    const said = await serve();
    const provisionToken = /provision token: (\S+)/.exec(said)?.[1] ?? "";
    const url = `http://127.0.0.1:${port}`;
    const password = /password: (\S+)/.exec(said)?.[1] ?? "";
    const admin = clients(url, (await clients(url).auth.login({ email: "admin@blockvisor.local", password })).token);
    const local = { region: { case: "regionKey", value: "local" } } as const;
    const regionId = (await admin.host.getRegion(local)).region?.regionId ?? "";
    token = (await registerHost(url, provisionToken, { name: "uploader", ips: ["10.1.0.1"], regionId })).token;
  });
  after(async () => {
    server.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  test(`a publish that is killed is there as a whole or not at all, and ends when it is repeated (${kills} kills)`, async () => {
    const storeKey = "crash-publish-main-v1";
    let [before, after] = [0, 0];
    let longestDelay = 80;
    for (let round = 1; round <= kills; round += 1) {
      const data = Array.from({ length: 60 }, () => randomBytes(200));
      const { dataVersion, slots } = await as().archive.getUploadSlotsByStoreKey({
        storeKey,
        slotIndexes: data.map((_, index) => index),
      });
      assert.equal(dataVersion, BigInt(round));
      await Promise.all(slots.map(({ url, index }) => putObject(url, first(data.slice(index)))));
      const manifest = { storeKey, dataVersion, totalSize: totalOf(data), chunks: chunksOf(data) };
      const publishing = as()
        .archive.putDownloadManifestByStoreKey(manifest)
        .then(() => "published", ConnectError.from);
      const delay = randomInt(0, longestDelay);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      const answer = await publishing;
      await serve();
      const newest = await as()
        .archive.getDownloadMetadataByStoreKey({ storeKey })
        .then(
          (metadata) => metadata.dataVersion,
          () => 0n,
        );
      if (answer === "published") assert.equal(newest, dataVersion, `acknowledged, then killed after ${delay} ms`);
      else assert.ok(newest === dataVersion || newest === dataVersion - 1n);
      if (newest === dataVersion) after += 1;
      else before += 1;
      if (newest > 0n) await downloadByReference(as(), storeKey);
      const started = Date.now();
      await as().archive.putDownloadManifestByStoreKey(manifest);
      // A whole publish that is not cut takes so long here, so the next kill falls somewhere within it.
      if (newest !== dataVersion) longestDelay = Math.max(20, Date.now() - started);
      assert.deepEqual(await downloadByReference(as(), storeKey), Buffer.concat(data));
    }
    console.log(`killed before ${before} and after ${after} publications became visible`);
  });

  test("an object that was half received when the server was killed does not exist, and its url is still good", async () => {
    const storeKey = "crash-object-main-v1";
    const { dataVersion, slots } = await as().archive.getUploadSlotsByStoreKey({ storeKey, slotIndexes: [0] });
    const { url } = first(slots);
    const data = randomBytes(3_000_000);
    const request = http.request(url, { method: "PUT", headers: { "content-length": data.length } });
    const broken = new Promise((resolve) => request.on("error", () => {}).on("close", resolve));
    request.write(data.subarray(0, 2_000_000));
    const incoming = path.join(dataDir, "archives", "incoming");
    // The server writes as it receives: its draft appears.
    while ((await readdir(incoming)).length === 0) await new Promise((resolve) => setImmediate(resolve));
    await kill();
    await broken;
    await serve();
    const manifest = { storeKey, dataVersion, totalSize: totalOf([data]), chunks: chunksOf([data]) };
    await assert.rejects(as().archive.putDownloadManifestByStoreKey(manifest), /not stored with the stated size: 0/);
    // Who lost the answer to its reservation gets it again.
    assert.equal((await as().archive.getUploadSlotsByStoreKey({ storeKey })).dataVersion, dataVersion);
    assert.equal((await putObject(url, data)).status, 200);
    await as().archive.putDownloadManifestByStoreKey(manifest);
    assert.deepEqual(await downloadByReference(as(), storeKey), data);
    await as().archiveStore.releaseUpload({ archive: byKey(storeKey), dataVersion });
    assert.equal((await as().archive.getDownloadMetadataByStoreKey({ storeKey })).dataVersion, dataVersion);
  });
});
