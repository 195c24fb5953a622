import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PortMapping } from "@blockvisor/wire/blockvisor/host/v1/host";
import { nodeHash } from "../network/names.ts";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { until } from "../testbed/until.ts";

/** A host with both families and ports of its own that lead to nodes: nodes on private subnets behind one public address. */
const v6 = `fd02:${(process.pid & 0xffff).toString(16)}`;
/** Ports that no other test of this machine uses at the same time. */
const base = 30_000 + (process.pid % 250) * 20;
let root: TestRoot;
let daemon: DaemonProcess;
let imageUri: string;

before(async () => {
  root = await makeRoot({ recovery: { check_secs: 1 } });
  const subnet = /10\.\d+\.\d+/.exec(execFileSync("cat", [root.paths.config], { encoding: "utf8" }))![0];
  await root.remove();
  root = await makeRoot({
    recovery: { check_secs: 1 },
    net_conf: {
      gateway_ip: `${subnet}.1`,
      host_ip: `${subnet}.1`,
      prefix: 24,
      available_ips: [`${subnet}.2-${subnet}.9`],
      ipv6: { gateway_ip: `${v6}::1`, host_ip: `${v6}::1`, prefix: 64, available_ips: [`${v6}::/64`] },
      nat: { ports: `${base + 10}-${base + 11}` },
    },
  });
  daemon = await startDaemonProcess(root);
  const plugin = `${script("1.0.0")}\nfn second_address() { node_env().node_ipv6 }`;
  imageUri = await makeTestImage(root.paths.root, "1.0.0", plugin);
});

after(async () => {
  await daemon.stop();
  await root.remove();
});

const rule = (ports: readonly number[]) => {
  return { name: "web", action: "allow", direction: "in", protocol: "tcp", ips: [], ports: [...ports] };
};
const create = (name: string, ports: readonly number[], more: object = {}) =>
  finish(
    daemon.client.createDevNode({
      name,
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri,
      firewall: { defaultIn: "deny", defaultOut: "allow", rules: [rule(ports)] },
      ...more,
    }),
  );
const plain = (ports: readonly PortMapping[]) =>
  ports.map(({ protocol, hostPort, nodePort }) => `${protocol} ${hostPort} ${nodePort}`);
const inNode = (id: string, ...argv: string[]) =>
  execFileSync("ip", ["netns", "exec", `bv-${id}`, ...argv], { encoding: "utf8" });
const mapped = () => {
  const listed = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  return [...listed.matchAll(/(\d+) : ([\w.:]+) \. (\d+)/g)]
    .filter(([, port]) => Number(port) >= base && Number(port) < base + 20)
    .map(([, port, ip, nodePort]) => `${port} ${ip} ${nodePort}`)
    .sort();
};

test("nodes have an address of each family, and ports of the machine lead to what their rules let in", async () => {
  const { ipv6 } = await daemon.client.getInfo({});
  assert.deepEqual([ipv6?.hostIp, ipv6?.freeIps[0]], [`${v6}::1`, `${v6}::2`]);
  // A program of the machine has the port already.
  const other = createServer().listen(base + 1, "0.0.0.0");
  await once(other, "listening");
  const first = await create("first", [base, base + 1], { start: true });
  assert.deepEqual(first.extraIps, [`${v6}::2`]);
  // Its processes are told (babel's environment is that of its jobs), and so is its plugin.
  const environment = await readFile(join(first.directory, "rootfs/var/lib/babel/node_env"), "utf8");
  assert.match(environment, new RegExp(`^NODE_IPV6="${v6}::2"$`, "m"));
  const told = await daemon.client.runFunction({ node: first.id, function: "second_address" });
  assert.equal(told.value, `${v6}::2`);
  assert.deepEqual(plain(first.ports), [`tcp ${base} ${base}`, `tcp ${base + 10} ${base + 1}`]);
  assert.match(inNode(first.id, "ip", "-6", "route", "show", "default"), new RegExp(`default via ${v6}::1 `));
  assert.match(inNode(first.id, "ip", "address", "show", "dev", "eth0"), new RegExp(`${v6}::2/64`));
  const spoofing = `bv_${nodeHash(first.id).slice(0, 16)}`;
  assert.match(
    execFileSync("nft", ["list", "table", "netdev", spoofing], { encoding: "utf8" }),
    new RegExp(`ip saddr ${first.ip} accept[^]*ip6 saddr \\{[^}]*${v6}::2`),
  );
  assert.deepEqual((await daemon.client.getHostMetrics({})).usedIps, [first.ip, `${v6}::2`]);
  const all = [
    `${base} ${first.ip} ${base}`,
    `${base} ${v6}::2 ${base}`,
    `${base + 10} ${first.ip} ${base + 1}`,
    `${base + 10} ${v6}::2 ${base + 1}`,
  ];
  assert.deepEqual(mapped(), all);

  // The second has to take another; what a person asks for is refused where it is taken, with the owner's name.
  const second = await create("second", [base], { start: true, extraIps: [`${v6}::77`] });
  assert.deepEqual([second.extraIps, plain(second.ports)], [[`${v6}::77`], [`tcp ${base + 11} ${base}`]]);
  const mapping = (hostPort: number, nodePort: number) => ({ protocol: "tcp", hostPort, nodePort });
  const set = (node: string, ...mappings: readonly ReturnType<typeof mapping>[]) =>
    finish(daemon.client.setNodePorts({ node, ports: { mappings: [...mappings] } }));
  await assert.rejects(set("second", mapping(base, base)), /tcp port \d+ of the machine leads to node `first`/);
  await assert.rejects(set("second", mapping(base + 1, base)), /a program of the machine listens on tcp port/);
  await assert.rejects(set("second", mapping(base + 5, 0)), /ports/);
  await assert.rejects(create("third", [base], { ports: { mappings: [mapping(base, 1)] } }), /leads to node `first`/);
  await assert.rejects(
    create("third", [base]).then(({ id }) => finish(daemon.client.startNode({ node: id }))),
    {
      message: /no port of the machine is free for tcp port/,
    },
  );
  await finish(daemon.client.deleteNode({ node: "third" }));
  const { pid } = second;
  const changed = await set("second", mapping(base + 6, base));
  assert.deepEqual([changed.pid, plain(changed.ports)], [pid, [`tcp ${base + 6} ${base}`]]);
  const withSecond = [...all, `${base + 6} ${second.ip} ${base}`, `${base + 6} ${v6}::77 ${base}`].sort();
  assert.deepEqual(mapped(), withSecond);
  other.close();

  // They stay over a restart of the daemon, and over a foreign flush; a stopped node keeps its ports, without traffic.
  await daemon.stop();
  const table = /table inet (bv_ports_\w+)/.exec(execFileSync("nft", ["list", "tables"], { encoding: "utf8" }))![1]!;
  execFileSync("nft", ["delete", "table", "inet", table]);
  daemon = await startDaemonProcess(root);
  await until(
    async () => mapped().length === withSecond.length,
    async () => daemon.log().slice(-3_000),
  );
  assert.deepEqual(mapped(), withSecond);
  await finish(daemon.client.stopNode({ node: "first" }));
  assert.deepEqual(mapped().length, 2);
  assert.deepEqual(plain((await daemon.client.getNodeFirewall({ node: "first" })).ports), plain(first.ports));
  await finish(daemon.client.startNode({ node: "first" }));
  assert.deepEqual(mapped(), withSecond);
  const automatic = await finish(daemon.client.setNodePorts({ node: "second" }));
  assert.deepEqual(plain(automatic.ports), [`tcp ${base + 11} ${base}`]);
  for (const node of ["first", "second"]) await finish(daemon.client.deleteNode({ node }));
  assert.deepEqual(mapped(), []);
});
