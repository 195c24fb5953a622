import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { freeAddresses } from "../place/addresses.ts";
import { hostPaths } from "../place/paths.ts";
import { redactedConfig } from "./host-config.ts";
import { amendConfigFile, loadHostConfig } from "./load-config.ts";

const roots: string[] = [];

async function rootWith(config: unknown) {
  const root = await mkdtemp(join(tmpdir(), "bv-config-"));
  roots.push(root);
  const paths = hostPaths(root);
  await mkdir(dirname(paths.config), { recursive: true });
  if (config !== undefined) {
    await writeFile(paths.config, typeof config === "string" ? config : JSON.stringify(config));
  }
  return paths;
}

after(() => Promise.all(roots.map((root) => rm(root, { recursive: true }))));

const full = {
  id: "host-1",
  org_id: "org-1",
  name: "lab",
  token: "secret-token",
  refresh_token: "secret-refresh",
  nodexeus_api_url: "https://api.example.org",
  update_check_interval_secs: 60,
  iface: "br7",
  disk_limit: "image",
  images: {
    max_gb: 20,
    registries: ["ghcr.io/acme", "registry:5000"],
    pinned: true,
    signature_policy: "/etc/signers.json",
  },
  job_logs: { max_mb: 500, segments: 16 },
  archive_max_mbps: 800,
  limits: { stop_secs: 90 },
  net_conf: { gateway_ip: "10.1.0.1", host_ip: "10.1.0.2", prefix: 24, available_ips: ["10.1.0.3"] },
  apptainer: { extra_args: null, host_network: false, cpu_limit: true, memory_limit: true },
};

describe("the host configuration", () => {
  test("takes what it leaves open of the network from the machine, and writes nothing back", async () => {
    const net_conf = { gateway_ip: "127.0.0.9", host_ip: "0.0.0.0", prefix: 32, available_ips: [] };
    const paths = await rootWith({ ...full, iface: "lo", net_conf });
    const { network } = await loadHostConfig(paths, false);
    assert.deepEqual(
      { ...network, free: freeAddresses(network, new Set()).take(2).toArray() },
      {
        gatewayIp: "127.0.0.9",
        hostIp: "127.0.0.1",
        prefix: 8,
        availableIps: ["127.0.0.1/8"],
        ipv6: undefined,
        nat: undefined,
        free: ["127.0.0.2", "127.0.0.3"],
      },
    );
    assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")).net_conf, net_conf);
    await assert.rejects(loadHostConfig(await rootWith({ ...full, iface: "bvnone0", net_conf }), false), {
      code: "config_error",
      message:
        /^net_conf.host_ip is 0.0.0.0, and failed to find network configuration for interface 'bvnone0'. Available interfaces: \[lo/,
    });
  });

  test("is read with everything that it says", async () => {
    const config = await loadHostConfig(await rootWith(full), false);
    const { file, runtime, ...rest } = config;
    assert.deepEqual(rest, {
      devMode: false,
      hostId: "host-1",
      hostName: "lab",
      orgId: "org-1",
      privateOrgId: undefined,
      apiUrl: "https://api.example.org",
      mqttUrl: undefined,
      interface: "br7",
      network: {
        gatewayIp: "10.1.0.1",
        hostIp: "10.1.0.2",
        prefix: 24,
        availableIps: ["10.1.0.3"],
        ipv6: undefined,
        nat: undefined,
      },
      nodeRuntimes: new Map(),
      cpuOvercommit: 1,
      privilegedImages: [],
      maintenanceMode: false,
      diskLimit: "image",
      imagesMaxBytes: 20_000_000_000,
      imageSources: {
        registries: ["ghcr.io/acme", "registry:5000"],
        pinned: true,
        signaturePolicy: "/etc/signers.json",
      },
      jobLogs: { maxMb: 500, segments: 16 },
      archiveMaxBytesPerSecond: 100_000_000,
      upgradeSmokeCheck: false,
      upgradeWatchMs: 3_000,
      recovery: { enabled: true, checkMs: 30_000, agentTimeoutMs: 15_000 },
      limits: { callMs: 60_000, initMs: 1_800_000, pollMs: 4_000, stopMs: 90_000, forcedStopMs: 5_000 },
      metricsPort: undefined,
      caFile: undefined,
      timeZone: undefined,
    });
    assert.equal(file["update_check_interval_secs"], 60);
    assert.equal(runtime.cpu_limit, true);
  });

  test("has a second family and ports of the machine, where they make sense", async () => {
    const ipv6 = { gateway_ip: "fd00::1", host_ip: "fd00::1", prefix: 64, available_ips: ["fd00::/64"] };
    const v4 = { gateway_ip: "10.1.0.1", host_ip: "10.1.0.1", prefix: 24, available_ips: [] };
    const load = async (net_conf: unknown) =>
      (await loadHostConfig(await rootWith({ ...full, net_conf }), false)).network;
    const { ipv6: second, nat } = await load({ ...v4, ipv6, nat: { ports: "20000-20010" } });
    assert.deepEqual(
      [second, nat],
      [
        { gatewayIp: "fd00::1", hostIp: "fd00::1", prefix: 64, availableIps: ["fd00::/64"] },
        { first: 20_000, last: 20_010 },
      ],
    );
    for (const wrong of [
      { ...v4, nat: { ports: "20000-70000" } },
      { ...v4, nat: { ports: "9-1" } },
      { ...v4, gateway_ip: "10.1.0.9", nat: {} },
      { ...v4, gateway_ip: "fd00::1", host_ip: "fd00::1", ipv6 },
      { ...v4, ipv6: { ...ipv6, host_ip: "10.0.0.1" } },
    ]) {
      await assert.rejects(load(wrong), { code: "config_error" }, JSON.stringify(wrong));
    }
  });

  test("may use the older names of the URLs; the newer win", async () => {
    const { nodexeus_api_url: _, ...old } = full;
    const older = await loadHostConfig(
      await rootWith({ ...old, blockjoy_api_url: "http://old", blockjoy_mqtt_url: "mqtt://old" }),
      false,
    );
    assert.deepEqual([older.apiUrl, older.mqttUrl], ["http://old", "mqtt://old"]);
    const both = await loadHostConfig(await rootWith({ ...full, blockjoy_api_url: "http://old" }), false);
    assert.equal(both.apiUrl, "https://api.example.org");
  });

  test("has the older name of what it says about containers, too; the newer wins", async () => {
    const runtimeOf = async (change: object) =>
      (await loadHostConfig(await rootWith({ ...full, ...change }), false)).runtime;
    const older = await runtimeOf({ apptainer: { host_network: true, user_namespaces: "off" } });
    assert.deepEqual([older.host_network, older.user_namespaces, older.cpu_limit], [true, "off", true]);
    const both = await runtimeOf({
      apptainer: { host_network: true },
      containers: { host_network: false, cpu_limit: false },
    });
    assert.deepEqual([both.host_network, both.user_namespaces, both.cpu_limit], [false, "auto", false]);
    await assert.rejects(runtimeOf({ containers: { cpu_limit: "no" } }), {
      code: "config_error",
      message: /containers\.cpu_limit: /,
    });
  });

  test("gives Apptainer no argument that may switch isolation off, unless it says so", async () => {
    const runtimeOf = async (containers: object) =>
      (await loadHostConfig(await rootWith({ ...full, containers }), false)).runtime;
    const safe = ["--nv", "--dns", "10.0.0.1", "--env=A=B", "--drop-caps=CAP_CHOWN"];
    assert.deepEqual((await runtimeOf({ extra_args: safe })).extra_args, safe);
    for (const [extra_args, named] of [
      [["--nv", "--add-caps", "all"], "--add-caps all"],
      [["--bind=/etc:/etc"], "--bind=/etc:/etc"],
      [["--dns"], "--dns"],
      [["--nv=/etc"], "--nv=/etc"],
      [["-B", "/etc"], "-B /etc"],
    ] as const) {
      const told = await runtimeOf({ extra_args }).catch((error: Error) => error.message);
      assert.match(String(told), new RegExp(`not known: ${named}; "allow_unsafe_extra_args": true`));
      assert.deepEqual((await runtimeOf({ extra_args, allow_unsafe_extra_args: true })).extra_args, extra_args);
    }
  });

  test("is not needed in dev mode", async () => {
    const config = await loadHostConfig(await rootWith(undefined), true);
    assert.deepEqual([config.devMode, config.apiUrl, config.network.gatewayIp], [true, undefined, "10.77.0.1"]);
  });

  test("missing without dev mode says what to do", async () => {
    await assert.rejects(loadHostConfig(await rootWith(undefined), false), {
      code: "config_error",
      hint: /bvup TOKEN/,
    });
  });

  for (const [name, left] of [
    ["nothing", undefined],
    ["half a file", '{"id": "host-1", "na'],
  ] as const) {
    test(`is restored, once, where an interrupted save of the reference left ${name}`, async () => {
      const paths = await rootWith(left);
      await writeFile(`${paths.config}_bak`, JSON.stringify(full));
      const warnings: string[] = [];
      const load = () => loadHostConfig(paths, false, (message) => warnings.push(message));
      assert.equal((await load()).hostId, "host-1");
      assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")), full);
      assert.equal((await stat(paths.config)).mode & 0o777, 0o600);
      assert.equal((await load()).hostId, "host-1");
      assert.deepEqual([warnings.length, /restored from .*_bak$/.test(warnings[0] ?? "")], [1, true], `${warnings}`);
      const aside = (await readdir(dirname(paths.config))).filter((file) => file !== "blockvisor.json");
      const kept = await Promise.all(aside.map((file) => readFile(join(dirname(paths.config), file), "utf8")));
      assert.deepEqual(kept, left === undefined ? [] : [left]);
    });
  }

  test("is never replaced by a backup that cannot be used, nor where it is only wrong", async () => {
    const torn = await rootWith("{");
    await writeFile(`${torn.config}_bak`, "{");
    await assert.rejects(loadHostConfig(torn, false), { code: "config_error", message: /blockvisor\.json:/ });
    const wrong = await rootWith({ ...full, net_conf: 1 });
    await writeFile(`${wrong.config}_bak`, JSON.stringify(full));
    await assert.rejects(loadHostConfig(wrong, false), { code: "config_error", message: /net_conf/ });
  });

  for (const [name, text, message] of [
    ["broken JSON", '{"id": ', /failed to parse host config: .*blockvisor\.json/],
    ["a wrong type", { ...full, net_conf: { ...full.net_conf, prefix: "24" } }, /net_conf\.prefix/],
    ["no time at all", { ...full, limits: { plugin_call_secs: 0 } }, /limits\.plugin_call_secs: /],
    [
      "a registry with a scheme",
      { ...full, images: { registries: ["https://ghcr.io"] } },
      /images\.registries\.0: is no/,
    ],
    ["a time zone that there is not", { ...full, timezone: "Europe/Atlantis" }, /timezone: is no time zone/],
    ["a newer schema", { ...full, schema_version: 9 }, /schema_version/],
  ] as const) {
    test(`with ${name} is refused`, async () => {
      await assert.rejects(loadHostConfig(await rootWith(text), false), { code: "config_error", message });
    });
  }

  test("is shown without its secrets", async () => {
    const text = redactedConfig(await loadHostConfig(await rootWith(full), false));
    assert.deepEqual([text.includes("secret"), text.includes('"token": "***"')], [false, true]);
  });

  test("is amended without losing keys that we do not know", async () => {
    const paths = await rootWith({ ...full, custom: { a: 1 } });
    await amendConfigFile(paths, { token: undefined, refresh_token: undefined, name: "renamed" });
    const { token: _, refresh_token: __, ...kept } = full;
    assert.deepEqual(JSON.parse(await readFile(paths.config, "utf8")), { ...kept, name: "renamed", custom: { a: 1 } });
    assert.equal((await stat(paths.config)).mode & 0o777, 0o600);
  });
});
