import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connectRootedSocket } from "../rootfs/index.ts";
import { listenAt } from "./listen-at.ts";

const openDescriptors = () => readdirSync("/proc/self/fd").length;

test("a socket's path may be longer than a socket address", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bv-listen-"));
  try {
    const folder = join(directory, "a".repeat(120));
    mkdirSync(folder);
    const before = openDescriptors();
    const server = createServer((socket) => socket.end("hello"));
    await listenAt(server, join(folder, "x.sock"));
    let heard = "";
    for await (const chunk of connectRootedSocket(folder, "/x.sock")) heard += String(chunk);
    assert.equal(heard, "hello");
    await new Promise((resolve) => server.close(resolve));
    assert.equal(existsSync(join(folder, "x.sock")), false);
    assert.equal(openDescriptors(), before);

    const second = createServer();
    await assert.rejects(listenAt(second, join(directory, "missing", "x.sock")), { code: "ENOENT" });
    assert.equal(openDescriptors(), before);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
