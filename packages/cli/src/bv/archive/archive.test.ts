import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ApiProcess, provisionToken, startApiProcess } from "../../testing/api-process.ts";
import { runCli, TemporaryDirectory } from "../../testing/cli-process.ts";

const idOf = (registered: Record<string, unknown>) => (registered["host"] as { readonly hostId: string }).hostId;
let hostId = "";

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
  hostId = idOf(registered);
  const { token, refresh } = registered;
  const config = { token, refresh_token: refresh, nodexeus_api_url: api.url };
  writeFileSync(join(machine.path, "etc/blockvisor.json"), JSON.stringify(config));
});
after(async () => {
  await api?.close();
  machine[Symbol.dispose]();
});

async function call(method: string, message: object, jwt = ""): Promise<Record<string, unknown>> {
  const response = await fetch(`${api.url}/blockjoy.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(jwt && { authorization: `Bearer ${jwt}` }) },
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

test("a dry run of a push tells what it would upload and what not", async () => {
  const folder = join(machine.path, "data");
  mkdirSync(join(folder, "logs"), { recursive: true });
  writeFileSync(join(folder, "blocks"), "0123456789");
  writeFileSync(join(folder, "LOCK"), "");
  symlinkSync("/etc", join(folder, "outside"));
  const words = ["push", "my-chain-v1", "--data", folder, "--dry-run", "--compression", "none"];
  const left = ["--exclude", "*LOCK", "--exclude", "logs", "--exclude", "*.tmp"];
  const { stdout, stderr } = await bv("archive", ...words, ...left);
  assert.equal(
    stdout,
    [
      "Files:     1, 10 B",
      "Chunks:    1",
      "Reused:    0 of 1 chunks, 0.00% of the data",
      "Upload:    about 10 B",
      "Left out:  2",
      "  LOCK",
      "  logs",
      "Unusable:  1",
      "  outside: the link has an absolute target: /etc",
      "No match:  *.tmp",
      "",
    ].join("\n"),
    stderr,
  );
  const plan = JSON.parse((await bv("archive", ...words, "--format", "json")).stdout);
  assert.deepEqual(
    [plan.dry_run, plan.store_key, plan.files, plan.excluded, plan.excluded_paths, plan.reuse_ratio],
    [true, "my-chain-v1", 2, 0, [], 0],
  );
  assert.deepEqual(
    readdirSync(machine.path).filter((name) => name.startsWith(".data")),
    [],
    "nothing is written",
  );
});

test("without a daemon no node's data are touched", async () => {
  const [status, text] = await complaint("verify", "a-v1", "--node", "n");
  assert.deepEqual(
    [status, text],
    [4, "Error: cannot reach blockvisord at ROOT/run/blockvisor/blockvisord.sock (BV901)"],
  );
});

test("an administrator says what is kept, who uploads and how much, with a login of nib", async () => {
  const noLogin = await runCli("bv", ["archive", "grants"], { env: { BV_ROOT: machine.path, HOME: machine.path } });
  assert.deepEqual([noLogin.status, noLogin.stderr.split("\n")[0]], [1, "Error: you are not logged in (BV401)"]);
  const { token: NIB_TOKEN } = (await call("AuthService/Login", { email: api.email, password: api.password })) as {
    token: string;
  };
  const env = { BV_ROOT: machine.path, HOME: machine.path, NIB_TOKEN, NIB_API_URL: api.url };
  const admin = async (...args: string[]) => {
    const { status, stdout, stderr } = await runCli("bv", ["archive", ...args], { env });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await admin(...args, "--format", "json"));

  assert.equal(await admin("grants"), "No host was granted to upload archives.\n");
  assert.equal(await admin("grant", hostId, "my-chain-v1"), `The host ${hostId} may upload my-chain-v1\n`);
  assert.deepEqual(await json("grants"), { grants: [{ host_id: hostId, store_key: "my-chain-v1" }] });
  await admin("revoke", hostId, "my-chain-v1");
  assert.deepEqual(await json("grants"), { grants: [] });

  assert.equal(
    await admin("retain", "my-chain-v1", "--last", "3", "--days", "30"),
    "Of my-chain-v1 the newest 3 and those younger than 30 days are kept\n",
  );
  const { archives } = await json("list");
  assert.deepEqual(archives, [
    {
      ...{ store_key: "my-chain-v1", stored_size: 0, keep_last: 3, keep_days: 30, downloads: 0, served_bytes: 0 },
      versions: [],
    },
  ]);
  assert.deepEqual(await json("gc", "--dry-run"), { dry_run: true, items: [] });
  const nothing = await runCli("bv", ["archive", "deprecate", "my-chain-v1", "7"], { env });
  assert.deepEqual([nothing.status, nothing.stderr.split("\n")[0]], [3, "Error: Manifest not found. (BV404)"]);

  await call("ArchiveService/GetUploadSlotsByStoreKey", { storeKey: "my-chain-v1" }, NIB_TOKEN);
  assert.deepEqual(await json("release", "my-chain-v1"), { store_key: "my-chain-v1", data_version: 1 });
  const ended = await runCli("bv", ["archive", "release", "my-chain-v1"], { env });
  assert.deepEqual([ended.status, ended.stderr.split("\n")[0]], [3, "Error: Upload not found. (BV404)"]);

  const { orgs } = (await call("OrgService/List", { limit: "1" }, NIB_TOKEN)) as { orgs: { orgId: string }[] };
  const orgId = orgs[0]?.orgId ?? "";
  const none = { org_id: orgId, stored_bytes: 0, uploads_today: 0 };
  const open = { ...none, stored_bytes_limit: null, uploads_per_day_limit: null };
  assert.deepEqual(await json("quota", orgId), open);
  const limits = ["quota", orgId, "--bytes", "2G", "--uploads", "5"];
  assert.deepEqual(await json(...limits), { ...none, stored_bytes_limit: 2e9, uploads_per_day_limit: 5 });
  assert.match(await admin("quota", orgId), /Stored: +0 B of 2.* GB\nUploads in 24 hours: +0 of 5\n/);
  assert.deepEqual(await json("quota", orgId, "--reset"), open);
});
