import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ApiProcess, provisionToken, startApiProcess } from "../../testing/api-process.ts";
import { runCli, TemporaryDirectory } from "../../testing/cli-process.ts";

/** A registered machine without a daemon: archives need none, except to find a node's data. What the engines do: e2e/archives.test.ts. */
const machine = new TemporaryDirectory();
let api: ApiProcess;
const bv = (...args: string[]) => runCli("bv", args, { env: { BV_ROOT: machine.path } });

before(async () => {
  api = await startApiProcess();
  mkdirSync(join(machine.path, "etc"));
  const region = await call("HostService/GetRegion", { regionKey: "local" });
  const registered = await call("HostService/CreateHost", {
    provisionToken: await provisionToken(api),
    isPrivate: true,
    networkName: "archive-test",
    regionId: (region["region"] as { regionId: string }).regionId,
    scheduleType: "SCHEDULE_TYPE_AUTOMATIC",
    os: "Linux",
    osVersion: "1",
    bvVersion: "0.1.0",
    ipAddress: "10.88.0.1",
    ipGateway: "10.88.0.1",
    ips: ["10.88.0.2"],
    cpuCores: "4",
    memoryBytes: "8000000000",
    diskBytes: "100000000000",
  });
  const { token, refresh } = registered;
  const config = { token, refresh_token: refresh, nodexeus_api_url: api.url };
  writeFileSync(join(machine.path, "etc/blockvisor.json"), JSON.stringify(config));
});
after(async () => {
  await api?.close();
  machine[Symbol.dispose]();
});

async function call(method: string, message: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${api.url}/blockjoy.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(message),
  });
  if (!response.ok) throw new Error(`${method}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

const complaint = async (...args: string[]) => {
  const { status, stderr } = await bv("archive", ...args);
  return [status, stderr.split("\n")[0]?.replaceAll(machine.path, "ROOT")];
};

test("a control plane without archives has none to list", async () => {
  assert.deepEqual(await bv("archive", "list"), { status: 0, stdout: "No archives found.\n", stderr: "" });
  const { stdout } = await bv("a", "ls", "nothing-v1", "--all", "--format", "json");
  assert.deepEqual(JSON.parse(stdout), { archives: [] });
});

test("whose data has to be said, once, and it has to be a folder", async () => {
  const neither = "Error: say whose data: either --data FOLDER or --node NODE (BV001)";
  assert.deepEqual(await complaint("verify", "a-v1"), [2, neither]);
  assert.deepEqual(await complaint("verify", "a-v1", "--data", "/x", "--node", "n"), [2, neither]);
  const missing = join(machine.path, "missing");
  assert.deepEqual(await complaint("push", "a-v1", "--data", missing), [
    1,
    "Error: there is no folder ROOT/missing (BV004)",
  ]);
  symlinkSync("/etc", join(machine.path, "link"));
  assert.deepEqual(await complaint("repair", "a-v1", "--data", join(machine.path, "link")), [
    1,
    "Error: ROOT/link is not a folder (BV004)",
  ]);
  const fast = "Error: 'fast' is no compression (BV001)";
  assert.deepEqual(await complaint("push", "a-v1", "--data", machine.path, "--compression", "fast"), [2, fast]);
});

test("without a daemon no node's data are touched", async () => {
  const [status, text] = await complaint("verify", "a-v1", "--node", "n");
  assert.deepEqual(
    [status, text],
    [4, "Error: cannot reach blockvisord at ROOT/run/blockvisor/blockvisord.sock (BV901)"],
  );
});
