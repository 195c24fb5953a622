import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { devSecrets, knownDevSecrets } from "./dev-secrets.ts";

test("a dev node has the secrets that its plugin put, then those of the machine, those of every node, and no others", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bv-secrets-"));
  t.after(() => rm(folder, { recursive: true }));
  const { signal } = new AbortController();
  const [shared, own] = [join(folder, "shared.json"), join(folder, "own")];
  const open = () => devSecrets(shared, own);
  const get = async (key: string) => {
    const value = await open().get(key, signal);
    return value && Buffer.from(value).toString("latin1");
  };
  assert.deepEqual(await Promise.all(["node-key", "../shared.json", "grafana-loki-key"].map(get)), [
    undefined,
    undefined,
    "dev-secret",
  ]);
  await open().put("node-key", Uint8Array.of(0, 255), signal);
  assert.deepEqual([await get("node-key"), await get("other-key")], ["\x00\xff", undefined]);
  assert.equal((await stat(join(own, "node-key"))).mode & 0o777, 0o600);
  await writeFile(shared, '{"node-key": "shared", "cert-key": "text", "grafana-loki-key": "real"}');
  assert.deepEqual(await Promise.all(["node-key", "cert-key", "grafana-loki-key", "none", "toString"].map(get)), [
    "\x00\xff",
    "text",
    "real",
    undefined,
    undefined,
  ]);
  const known = [...(await knownDevSecrets(shared, own))].map(([key, value]) => [
    key,
    Buffer.from(value).toString("latin1"),
  ]);
  assert.deepEqual(known, [
    ["node-key", "\x00\xff"],
    ["cert-key", "text"],
    ["grafana-loki-key", "real"],
  ]);
  assert.equal((await knownDevSecrets(join(folder, "none"), join(folder, "none"))).size, 0);
  for (const key of ["../cert-key", "", "a/b"]) {
    await assert.rejects(open().put(key, new Uint8Array(), signal), { code: "invalid", message: /is no key/ });
  }
  await assert.rejects(open().put("large", new Uint8Array(65_537), signal), { message: /at most 65536 bytes/ });
});
