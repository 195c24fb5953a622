import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

/**
 * A machine of its own, as far as networks go, between nodes and the world: forwarding is the machine's affair, and so is the policy
 * that Docker gives it. `host` and `world` are network namespaces; the module under test runs in `host`.
 */
const directory = mkdtempSync(join(tmpdir(), "bv-forward-"));
const host = `bv-fwd-host-${process.pid}`;
const world = `bv-fwd-world-${process.pid}`;
const nodes = [`fwd-one-${process.pid}`, `fwd-two-${process.pid}`] as const;

const sh = (script: string) => execFileSync("sh", ["-ec", script], { encoding: "utf8" });
const onHost = (script: string) =>
  execFileSync("ip", ["netns", "exec", host, "sh", "-ec", script], { encoding: "utf8" });

/** Runs `script` with the module's `network` in `host`; namespaces it makes are everybody's, as it keeps to the machine's mounts. */
function withNetwork(script: string): void {
  const source = `
    import { createNodeNetwork } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    const network = createNodeNetwork({ runDirectory: ${JSON.stringify(directory)} });
    const bridge = "brfwd";
    await network.ensureBridge({ name: bridge, address: "10.210.0.1/24", masquerade: true });
    const setUp = (nodeId, ip) => network.setUp({ nodeId, bridge, addresses: [{ ip, prefix: 24 }], gateways: ["10.210.0.1"] });
    ${script}`;
  // The network's own view of /sys, the machine's view of everything else.
  const enter = [`--net=/run/netns/${host}`, "unshare", "--mount", "--propagation", "unchanged", "sh", "-ec"];
  const inside = 'mount --make-private /sys 2>/dev/null || true; mount -t sysfs sysfs /sys; exec "$@"';
  const argv = [...enter, inside, "sh", process.execPath, "--input-type=module", "-e", source];
  const { status, stderr } = spawnSync("nsenter", argv, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

const pings = (nodeId: string, address: string) =>
  spawnSync("nsenter", [`--net=/run/netns/bv-${nodeId}`, "busybox", "ping", "-c", "1", "-W", "1", address]).status ===
  0;
const rules = () => onHost("iptables -S; ip6tables -S; nft list tables");

before(() => {
  sh(`ip netns add ${host}; ip netns add ${world}
    ip -n ${host} link add up0 type veth peer name up0 netns ${world}
    ip -n ${host} link set lo up; ip -n ${host} link set up0 up; ip -n ${host} address add 192.0.2.1/24 dev up0
    ip -n ${world} link set up0 up; ip -n ${world} address add 192.0.2.2/24 dev up0`);
  // As dockerd leaves it.
  onHost(`for t in iptables ip6tables; do
      $t -P FORWARD DROP; $t -N DOCKER-USER; $t -A DOCKER-USER -j RETURN; $t -A FORWARD -j DOCKER-USER
    done
    echo 1 >/proc/sys/net/ipv4/ip_forward`);
});

after(() => {
  for (const name of [host, world, ...nodes.map((node) => `bv-${node}`)]) spawnSync("ip", ["netns", "delete", name]);
  rmSync(directory, { recursive: true, force: true });
});

test("nodes reach the world and each other where Docker drops what is forwarded, and their rules go with the last of them", () => {
  const clean = rules();
  withNetwork(`await setUp("${nodes[0]}", "10.210.0.2"); await setUp("${nodes[1]}", "10.210.0.3");`);
  assert.deepEqual([pings(nodes[0], "192.0.2.2"), pings(nodes[0], "10.210.0.3")], [true, true]);
  const opened = rules();
  assert.match(opened, /-A DOCKER-USER -i brfwd -m comment --comment blockvisor -j ACCEPT/);

  // It is these rules that let them through; without them the policy holds.
  onHost("iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN");
  assert.equal(pings(nodes[0], "192.0.2.2"), false);

  withNetwork(`await network.tearDown("${nodes[1]}"); await setUp("${nodes[1]}", "10.210.0.3");`);
  assert.deepEqual([pings(nodes[1], "192.0.2.2"), rules()], [true, opened]);
  withNetwork(`await network.tearDown("${nodes[0]}");`);
  assert.equal(pings(nodes[1], "192.0.2.2"), true);
  withNetwork(`await network.tearDown("${nodes[1]}");`);
  assert.equal(rules(), clean);
});

test("where nothing is dropped, nobody's rules are touched", () => {
  onHost("iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT");
  const clean = onHost("iptables -S; ip6tables -S");
  withNetwork(`await setUp("${nodes[0]}", "10.210.0.2");`);
  assert.deepEqual([pings(nodes[0], "192.0.2.2"), onHost("iptables -S; ip6tables -S")], [true, clean]);
  withNetwork(`await network.tearDown("${nodes[0]}");`);
});
