import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkBroker } from "../bv/doctor/checks/broker.ts";
import { Output } from "../output/output.ts";
import { type ApiProcess, provisionToken, startApiProcess } from "../testing/api-process.ts";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";
import { suiteVersion } from "../version.ts";

const root = new TemporaryDirectory();
const config = join(root.path, "etc/blockvisor.json");
let api: ApiProcess;
let token: string;

before(async () => {
  api = await startApiProcess();
  token = await provisionToken(api);
});
after(async () => {
  root[Symbol.dispose]();
  await api.close();
});

const bvup = (args: readonly string[], where = root.path) => runCli("bvup", args, { env: { BV_ROOT: where } });
const usual = () => [
  "--api",
  api.url,
  "--region",
  "local",
  "--private",
  "--private-network",
  "10.9.8.0/29",
  "--skip-download",
  "-y",
];

test("what is missing or contradictory is told before anything is asked", async () => {
  const cases = [
    [[], "the provision token is missing"],
    [["abc", "--skip-init"], "--skip-init takes no token"],
    [["--skip-init", "--skip-download"], "--skip-init and --skip-download leave nothing to do"],
    [["abc", "-y", "--private-network", "--api", "http://127.0.0.1:1"], "region can't be empty"],
    [["abc", "-y", "--region", "x", "--api", ""], "API url can't be empty"],
    [
      ["abc", "-y", "--region", "x", "--api", "http://127.0.0.1:1", "--private-network", "10.0.0.0"],
      "cannot parse '10.0.0.0' as cidr",
    ],
  ] as const;
  for (const [args, message] of cases) {
    const { status, stderr } = await bvup(args);
    assert.deepEqual([status, stderr.split("\n")[0]], [2, `Error: ${message} (BVUP001)`]);
  }
  assert.equal(existsSync(config), false);
});

test("a wrong token or region registers nothing", async () => {
  const region = await bvup([token, ...usual().with(3, "nowhere")]);
  assert.deepEqual([region.status, region.stderr.split("\n")[0]], [1, "Error: region 'nowhere' not found (BVUP404)"]);
  const wrong = await bvup(["wrongwrong12", ...usual()]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /^Error: the control plane does not accept the provision token: .*\(BVUP401\)/);
  assert.equal(existsSync(config), false);
});

test("a machine is registered and keeps its tokens to itself", async () => {
  const { status, stdout, stderr } = await bvup([token, ...usual(), "--ipv6"]);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(stdout, /Available node IPs: {2}10\.9\.8\.2 … 10\.9\.8\.6 \(5\)/);
  assert.match(stdout, /Version 6: {11}fd77::\/64 by fd77::1\n/);
  assert.match(stdout, /Registered this machine as host `[0-9a-f-]{36}`/);
  assert.equal(statSync(config).mode & 0o777, 0o600);
  const written = JSON.parse(readFileSync(config, "utf8"));
  assert.deepEqual(written.net_conf, {
    gateway_ip: "10.9.8.1",
    host_ip: "10.9.8.1",
    prefix: 29,
    available_ips: ["10.9.8.2-10.9.8.6"],
    ipv6: { gateway_ip: "fd77::1", host_ip: "fd77::1", prefix: 64, available_ips: ["fd77::/64"] },
  });
  assert.equal(written.nodexeus_api_url, api.url);
  assert.equal(written.org_id, written.private_org_id);
  assert.ok(written.token && written.refresh_token);
});

test("a registered machine is not registered again by accident", async () => {
  const before = readFileSync(config, "utf8");
  const { status, stderr } = await bvup([token, ...usual()]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^Error: this machine is registered already as [0-9a-f-]{36} at http:.* \(BVUP916\)\n {2}next: /,
  );
  assert.equal(readFileSync(config, "utf8"), before);
});

test("the registered host can look up protocols", async () => {
  const { status, stdout, stderr } = await runCli("bv", ["protocol", "list", "--format", "json"], {
    env: { BV_ROOT: root.path },
  });
  assert.deepEqual(
    { status, stdout: JSON.parse(stdout), stderr },
    { status: 0, stdout: { protocols: [], total: 0 }, stderr: "" },
  );
});

test("where its message broker is, is found out from the control plane", async () => {
  const out = new Output({ program: "bv", format: "text", verbosity: 0, command: "doctor" });
  const before = process.env["BV_ROOT"] ?? "";
  process.env["BV_ROOT"] = root.path;
  try {
    const patient = { config: JSON.parse(readFileSync(config, "utf8")), signal: new AbortController().signal };
    const [{ level, message } = assert.fail()] = await checkBroker(patient, out);
    assert.match(`${level}: ${message}`, /^ok: the broker at 127\.0\.0\.1:\d+ can be reached$/);
  } finally {
    process.env["BV_ROOT"] = before;
  }
});

test("the registered host tells the control plane about itself again", async () => {
  const { id, token: hostToken } = JSON.parse(readFileSync(config, "utf8"));
  const call = async (method: string, message: object) => {
    const response = await fetch(`${api.url}/blockjoy.v1.HostService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${hostToken}` },
      body: JSON.stringify(message),
    });
    return (await response.json()) as { readonly host: Readonly<Record<string, string>> };
  };
  await call("UpdateHost", { hostId: id, networkName: "forgotten", os: "forgotten" });
  const { status, stdout, stderr } = await runCli("bv", ["host", "update"], { env: { BV_ROOT: root.path } });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "Host info update sent\n", stderr: "" });
  const { host } = await call("GetHost", { hostId: id });
  assert.deepEqual([host["networkName"], host["bvVersion"]], [hostname(), suiteVersion]);
  assert.notEqual(host["os"], "forgotten");
  const login = await fetch(`${api.url}/blockjoy.v1.AuthService/Login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: api.email, password: api.password }),
  });
  const { token: userToken } = (await login.json()) as { readonly token: string };
  const env = { BV_ROOT: root.path, NIB_TOKEN: userToken, NIB_API_URL: api.url };
  const [json, table] = await Promise.all(
    [["--format", "json"], []].map((format) => runCli("bv", ["host", "list", ...format], { env })),
  );
  const { hosts } = JSON.parse(json?.stdout ?? "");
  const { runtimes, kernel } = hosts[0];
  assert.deepEqual([hosts.length, hosts[0].id, kernel], [1, id, release()]);
  assert.ok(runtimes.some(({ program }: { readonly program: string }) => program === "crun"));
  assert.match(table?.stdout ?? "", new RegExp(`${id} .* ${kernel} .*crun \\d+\\.`));
});

test("without a bundle to download the registration stands and the way on is told", async () => {
  using other = new TemporaryDirectory();
  mkdirSync(join(other.path, "etc"), { recursive: true });
  const none = await bvup(["--skip-init"], other.path);
  assert.deepEqual(
    [none.status, none.stderr.split("\n")[0]],
    [1, "Error: Failed to load host configuration - need to init first (BVUP906)"],
  );
  const empty = await bvup(["--skip-init"]);
  assert.equal(empty.status, 1);
  assert.match(empty.stderr, /^Error: No bv bundle found \(BVUP404\)/);
});
