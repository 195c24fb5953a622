import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { startDirectory } from "../testing/stores.ts";

/** A directory store on a file system of 8 MiB, over HTTP. */
describe("directory store in trouble", () => {
  let mount = "";
  let under: Awaited<ReturnType<typeof startDirectory>>;
  const sign = () => ({ seconds: 60, origin: under.origin });

  before(async () => {
    mount = await mkdtemp(path.join(tmpdir(), "blockvisor-small-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", mount]);
    await mkdir(path.join(mount, "archives"));
    under = await startDirectory(path.join(mount, "archives"));
  });
  after(async () => {
    await under?.close();
    execFileSync("umount", [mount]);
    await rm(mount, { recursive: true });
  });

  const drafts = () => readdir(path.join(mount, "archives", "incoming"));

  test("a full disk is said, leaves nothing behind, and does not last", async () => {
    const key = "full-disk-v1/1/data.part_0";
    const { url } = await under.store.signPut(key, sign());
    const put = await fetch(url, { method: "PUT", body: randomBytes(12_000_000) });
    assert.deepEqual([put.status, await put.json()], [507, { message: "The archive store is full." }]);
    await assert.rejects(
      under.store.put(key, randomBytes(12_000_000)),
      /\[unavailable\] The archive store does not answer/,
    );
    assert.deepEqual(await drafts(), []);
    assert.equal(await under.store.head(key), undefined);
    assert.equal((await fetch(url, { method: "PUT", body: randomBytes(1_000_000) })).status, 200);
  });

  test("a sender hears why it is refused, however much it has still to send", async () => {
    const { url } = await under.store.signPut("refused-v1/1/data.part_0", { ...sign(), seconds: -1 });
    for (let round = 0; round < 3; round += 1) {
      const put = await fetch(url, { method: "PUT", body: Buffer.alloc(30_000_000) });
      assert.deepEqual(
        [put.status, await put.json()],
        [403, { message: "The url has expired or was not signed here." }],
      );
    }
  });

  test("requests of no form leave nothing behind", async () => {
    const { url } = await under.store.signPut("odd-v1/1/data.part_0", sign());
    const { pathname, search, port } = new URL(url);
    const ask = async (head: string, body = "") => {
      const socket = net.connect(Number(port), "127.0.0.1");
      socket.write(`${head}\r\nhost: x\r\nconnection: close\r\n\r\n${body}`);
      let said = "";
      for await (const chunk of socket) said += chunk;
      return Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1] ?? 0);
    };
    const target = pathname + search;
    assert.equal(await ask(`PUT ${target} HTTP/1.1\r\ntransfer-encoding: chunked`, "3\r\nabc\r\n0\r\n\r\n"), 411);
    assert.equal(await ask(`PUT ${target} HTTP/1.1\r\ncontent-length: 99999999999999`), 413);
    assert.equal(await ask(`POST ${target} HTTP/1.1\r\ncontent-length: 0`), 405);
    assert.equal(await ask(`DELETE ${target} HTTP/1.1`), 405);
    for (const odd of ["..%2f..%2fkeys.json", "../../keys.json", "", "%00"]) {
      assert.equal(await ask(`GET /archive-objects/${odd}${search} HTTP/1.1`), 403);
    }
    assert.deepEqual(await drafts(), []);
  });
});
