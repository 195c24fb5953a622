import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createNodeNetwork, type NodeNetworkSpec } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-network-"));
const bridge = `bvt${process.pid}`;
const subnet = `10.${200 + (process.pid % 50)}.${(process.pid >> 6) % 250}`;
const network = createNodeNetwork({ runDirectory: directory });
const nodes: string[] = [];
const foreign = `bvforeign${process.pid}`;

function spec(name: string, host: number, more: Partial<NodeNetworkSpec> = {}): NodeNetworkSpec {
  const nodeId = `${name}-${process.pid}`;
  if (!nodes.includes(nodeId)) nodes.push(nodeId);
  return { nodeId, bridge, addresses: [{ ip: `${subnet}.${host}`, prefix: 24 }], gateways: [`${subnet}.1`], ...more };
}

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });
const inNode = (nodeId: string, ...argv: string[]) =>
  execFileSync("ip", ["netns", "exec", `bv-${nodeId}`, ...argv], { encoding: "utf8" });
const pings = (nodeId: string, target: string) =>
  inNode(nodeId, "busybox", "ping", "-c", "1", "-W", "2", target).includes("1 packets received");
const traces = () => ({
  links: ip("-brief", "link", "show", "master", bridge)
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("@")[0]),
  namespaces: ip("netns", "list")
    .split("\n")
    .filter((line) => nodes.some((nodeId) => line.startsWith(`bv-${nodeId}`))),
});

/** The kernel ends the links of a deleted namespace some time later; one that is deleted by name is gone at once. */
const leaveForeign = () => {
  ip("link", "delete", `x${bridge}`);
  ip("netns", "delete", foreign);
};

before(() => network.ensureBridge({ name: bridge, addresses: [{ address: `${subnet}.1/24`, masquerade: false }] }));
after(async () => {
  for (const nodeId of nodes) await network.tearDown(nodeId);
  execFileSync("sh", ["-c", `ip netns del ${foreign} 2>/dev/null; true`]);
  await network.removeBridge(bridge);
  assert.equal(existsSync(`/sys/class/net/${bridge}`), false);
  rmSync(directory, { recursive: true, force: true });
});

test("two nodes and the host reach each other; setting up again changes nothing; nothing is left afterwards", async () => {
  const [a, b] = [spec("a", 2), spec("b", 3)];
  const handle = await network.setUp(a);
  await network.setUp(b);
  assert.deepEqual(handle.addresses, [`${subnet}.2`]);
  assert.equal(handle.namespacePath, `/run/netns/bv-${a.nodeId}`);
  assert.deepEqual(await network.setUp(a), handle);
  assert.deepEqual(await network.inspect(a.nodeId), handle);
  assert.ok(pings(a.nodeId, `${subnet}.3`));
  assert.ok(pings(a.nodeId, `${subnet}.1`));
  assert.match(inNode(a.nodeId, "ip", "route"), new RegExp(`default via ${subnet}.1`));
  assert.match(inNode(a.nodeId, "ip", "link", "show", "eth0"), new RegExp(handle.mac));
  assert.equal(inNode(a.nodeId, "cat", "/proc/sys/net/ipv4/ping_group_range").trim(), "0\t2147483647");
  assert.deepEqual([...(await network.list())].sort(), [a.nodeId, b.nodeId]);
  for (const { nodeId } of [a, b, a]) await network.tearDown(nodeId);
  assert.equal(await network.inspect(a.nodeId), undefined);
  assert.deepEqual(await network.list(), []);
  assert.deepEqual(traces(), { links: [], namespaces: [] });
});

test("a node with both families, and a gateway outside its subnet", async () => {
  const v6 = `fd00:${(process.pid & 0xffff).toString(16)}::`;
  const one = spec("six-a", 4, {
    addresses: [
      { ip: `${subnet}.4`, prefix: 32 },
      { ip: `${v6}4`, prefix: 64 },
    ],
  });
  const two = spec("six-b", 5, { addresses: [{ ip: `${v6}5`, prefix: 64 }], gateways: [] });
  await network.setUp(one);
  await network.setUp(two);
  assert.ok(pings(one.nodeId, `${subnet}.1`));
  assert.ok(pings(one.nodeId, `${v6}5`));
  for (const { nodeId } of [one, two]) await network.tearDown(nodeId);
});

test("another address or a lost part makes it anew", async () => {
  const first = spec("anew", 6);
  await network.setUp(first);
  const moved = { ...first, addresses: [{ ip: `${subnet}.7`, prefix: 24 }] };
  assert.deepEqual((await network.setUp(moved)).addresses, [`${subnet}.7`]);
  assert.ok(pings(first.nodeId, `${subnet}.1`));
  for (const damage of [
    () => ip("link", "delete", traces().links[0]!),
    () => ip("netns", "delete", `bv-${first.nodeId}`),
  ]) {
    damage();
    if (traces().namespaces.length > 0) assert.equal(await network.inspect(first.nodeId), undefined);
    await network.setUp(moved);
    assert.ok(pings(first.nodeId, `${subnet}.1`));
  }
  await network.tearDown(first.nodeId);
  assert.deepEqual(traces(), { links: [], namespaces: [] });
});

test("an address that somebody has is refused: another node, the host, an unknown machine on the network", async () => {
  const holder = spec("holder", 8);
  await network.setUp(holder);
  const fails = (host: number) => assert.rejects(network.setUp(spec("late", host)), { code: "network-address-taken" });
  await fails(8);
  await fails(1);
  ip("netns", "add", foreign);
  ip("link", "add", `x${bridge}`, "type", "veth", "peer", "name", "eth0", "netns", foreign);
  ip("link", "set", `x${bridge}`, "master", bridge, "up");
  ip("-netns", foreign, "address", "add", `${subnet}.9/24`, "dev", "eth0");
  ip("-netns", foreign, "link", "set", "eth0", "up");
  await fails(9);
  leaveForeign();
  await network.tearDown(holder.nodeId);
  await network.setUp(spec("late", 8));
  await network.tearDown(spec("late", 8).nodeId);
  assert.deepEqual(await network.list(), []);
});

test("a node announces its address: neighbours that remember another machine learn at once", async () => {
  const fresh = spec("announced", 11);
  ip("netns", "add", foreign);
  ip("link", "add", `x${bridge}`, "type", "veth", "peer", "name", "eth0", "netns", foreign);
  ip("link", "set", `x${bridge}`, "master", bridge, "up");
  ip("-netns", foreign, "address", "add", `${subnet}.12/24`, "dev", "eth0");
  ip("-netns", foreign, "link", "set", "eth0", "up");
  const neighbour = [`${subnet}.11`, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"];
  ip("-netns", foreign, "neighbour", "replace", ...neighbour);
  const { mac } = await network.setUp(fresh);
  const known = () => ip("-netns", foreign, "neighbour", "show", "to", `${subnet}.11`);
  const deadline = Date.now() + 5_000;
  while (!known().includes(mac) && Date.now() < deadline) await delay(20);
  assert.match(known(), new RegExp(mac));
  await network.tearDown(fresh.nodeId);
  leaveForeign();
});

test("what is no address, prefix, bridge or node is refused before anything is made", async () => {
  const bad = (more: Partial<NodeNetworkSpec>, code: string) =>
    assert.rejects(network.setUp({ ...spec("bad", 10), ...more }), { code });
  await bad({ addresses: [{ ip: "10.0.0.1; ip link delete eth0", prefix: 24 }] }, "network-address-invalid");
  await bad({ addresses: [{ ip: `${subnet}.10`, prefix: 33 }] }, "network-address-invalid");
  await bad({ addresses: [] }, "network-address-invalid");
  await bad({ gateways: ["gateway"] }, "network-address-invalid");
  await bad({ nodeId: "../x" }, "network-address-invalid");
  await assert.rejects(network.ensureBridge({ name: "lo", addresses: [] }), { code: "network-bridge-invalid" });
  await assert.rejects(network.ensureBridge({ name: "x y", addresses: [] }), { code: "network-bridge-invalid" });
  await assert.rejects(
    network.ensureBridge({ name: bridge, addresses: [{ address: "10.0.0.1/99", masquerade: false }] }),
    {
      code: "network-bridge-invalid",
    },
  );
  await assert.rejects(network.setUp({ ...spec("bad", 10), bridge: "bv-no-bridge" }));
  assert.deepEqual(await network.list(), []);
  assert.deepEqual(traces(), { links: [], namespaces: [] });
});

for (const point of ["network.recorded", "network.made", "network.unlinked"]) {
  test(`killed at ${point}: known to the next daemon, which can complete or remove it`, async () => {
    const cut = spec(point.replace(".", "-"), 20);
    const script = `import { createNodeNetwork } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      const network = createNodeNetwork({ runDirectory: ${JSON.stringify(directory)} });
      await network.setUp(${JSON.stringify(cut)});
      await network.tearDown(${JSON.stringify(cut.nodeId)});`;
    const die = async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: "inherit",
        env: { ...process.env, BV_FAILPOINT: point },
      });
      assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
    };
    await die();
    assert.deepEqual(await network.list(), [cut.nodeId]);
    await network.setUp(cut);
    assert.ok(pings(cut.nodeId, `${subnet}.1`));
    await network.tearDown(cut.nodeId);
    await die();
    await network.tearDown(cut.nodeId);
    assert.deepEqual(await network.list(), []);
    assert.deepEqual(traces(), { links: [], namespaces: [] });
  });
}

test("a masquerading bridge hides its nodes while there are any", async () => {
  const name = `bvm${process.pid}`;
  const table = `bv_nat_${Buffer.from(name).toString("hex")}`;
  await network.ensureBridge({ name, addresses: [{ address: "10.199.0.1/24", masquerade: true }] });
  const nodeId = `masked-${process.pid}`;
  await network.setUp({ nodeId, bridge: name, addresses: [{ ip: "10.199.0.2", prefix: 24 }], gateways: [] });
  assert.match(
    execFileSync("nft", ["list", "table", "ip", table], { encoding: "utf8" }),
    /ip saddr 10\.199\.0\.0\/24 oifname != .* masquerade/,
  );
  await network.tearDown(nodeId);
  assert.throws(() => execFileSync("nft", ["list", "table", "ip", table], { stdio: "ignore" }));
  await network.removeBridge(name);
  assert.equal(existsSync(`/sys/class/net/${name}`), false);
});

test("the bridge keeps its hardware address, which is its nodes' gateway's, while nodes come and go", async () => {
  const mac = () => readFileSync(`/sys/class/net/${bridge}/address`, "utf8");
  const before = mac();
  for (const host of [20, 21, 22, 23]) {
    const node = spec(`mac${host}`, host);
    await network.setUp(node);
    assert.equal(mac(), before);
    await network.tearDown(node.nodeId);
    assert.equal(mac(), before);
  }
  // One that an earlier version made takes over what it has.
  const old = `${bridge}o`.slice(0, 15);
  ip("link", "add", "name", old, "type", "bridge");
  ip("link", "set", "dev", old, "alias", "blockvisor");
  try {
    await network.ensureBridge({ name: old, addresses: [] });
    assert.equal(readFileSync(`/sys/class/net/${old}/addr_assign_type`, "utf8").trim(), "3");
  } finally {
    await network.removeBridge(old);
  }
});
