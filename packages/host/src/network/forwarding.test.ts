import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

/**
 * A machine of its own, as far as networks go, between nodes and the world: forwarding is the machine's affair, and so is the policy
 * that Docker gives it. `host` and `world` are network namespaces; the module under test runs in `host`.
 */
const directory = mkdtempSync(join(tmpdir(), "bv-forward-"));
const sysctlFile = join(directory, "etc/sysctl.d/90-blockvisor.conf");
const host = `bv-fwd-host-${process.pid}`;
const world = `bv-fwd-world-${process.pid}`;
const nodes = [`fwd-one-${process.pid}`, `fwd-two-${process.pid}`] as const;

const sh = (script: string) => execFileSync("sh", ["-ec", script], { encoding: "utf8" });
const onHost = (script: string) =>
  execFileSync("ip", ["netns", "exec", host, "sh", "-ec", script], { encoding: "utf8" });

/** Runs `script` with the module's `network` in `host`; namespaces it makes are everybody's, as it keeps to the machine's mounts. */
function withNetwork(script: string, env: Readonly<Record<string, string>> = {}): void {
  const source = `
    import { createNodeNetwork } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    const network = createNodeNetwork(${JSON.stringify({ runDirectory: directory, sysctlFile })});
    const bridge = "brfwd";
    await network.ensureBridge({ name: bridge, addresses: [
      { address: "10.210.0.1/24", masquerade: true }, { address: "fd21::1/64", masquerade: true }] });
    const setUp = (nodeId, ip) => network.setUp({ nodeId, bridge, addresses: [{ ip, prefix: 24 }], gateways: ["10.210.0.1"] });
    ${script}`;
  // The network's own view of /sys, the machine's view of everything else.
  const enter = [`--net=/run/netns/${host}`, "unshare", "--mount", "--propagation", "unchanged", "sh", "-ec"];
  const inside = 'mount --make-private /sys 2>/dev/null || true; mount -t sysfs sysfs /sys; exec "$@"';
  const argv = [...enter, inside, "sh", process.execPath, "--input-type=module", "-e", source];
  const { status, stderr } = spawnSync("nsenter", argv, { encoding: "utf8", env: { ...process.env, ...env } });
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
    ip -n ${host} address add 2001:db8::1/64 dev up0 nodad; ip -n ${world} address add 2001:db8::2/64 dev up0 nodad
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
  // In both families, as its subnets are (DB-6.10).
  const kept = ["net.ipv4.ip_forward = 1", "net.ipv6.conf.all.forwarding = 1"] as const;
  assert.deepEqual(readFileSync(sysctlFile, "utf8").trim().split("\n").slice(1), kept);
  assert.equal(statSync(sysctlFile).mode & 0o777, 0o644);
  writeFileSync(sysctlFile, "# mine\nnet.ipv4.ip_forward=1");
  assert.match(opened, /-A DOCKER-USER -i brfwd -m comment --comment blockvisor -j ACCEPT/);

  // It is these rules that let them through; without them the policy holds.
  onHost("iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN");
  assert.equal(pings(nodes[0], "192.0.2.2"), false);

  // The daemon's next look brings them back; where nothing filters it starts no iptables to find that out.
  const look = `
    const { presentTables } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
    const present = await presentTables();
    if (!present.has("ip filter")) throw new Error("iptables of the older kind");
    const spec = { name: bridge, addresses: [
      { address: "10.210.0.1/24", masquerade: true }, { address: "fd21::1/64", masquerade: true }] };
    process.stdout.write((await network.restore(spec, present)).join());
    present.delete("ip filter");
    present.delete("ip6 filter");
    process.env.PATH = "/nowhere";
    if ((await network.restore(spec, present)).length > 0) throw new Error("nothing was missing");`;
  withNetwork(look);
  assert.equal(pings(nodes[0], "192.0.2.2"), true);
  onHost("iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN");

  withNetwork(`await network.tearDown("${nodes[1]}"); await setUp("${nodes[1]}", "10.210.0.3");`);
  assert.deepEqual([pings(nodes[1], "192.0.2.2"), rules()], [true, opened]);
  assert.equal(readFileSync(sysctlFile, "utf8"), `# mine\nnet.ipv4.ip_forward=1\n${kept[1]}\n`);
  withNetwork(`await network.tearDown("${nodes[0]}");`);
  assert.equal(pings(nodes[1], "192.0.2.2"), true);
  withNetwork(`await network.tearDown("${nodes[1]}");`);
  assert.equal(rules(), clean);
});

test("what lets nodes out and was flushed while none ran is there again for the first that starts", () => {
  withNetwork(`
    const { execFileSync } = await import("node:child_process");
    await setUp("${nodes[0]}", "10.210.0.2");
    await network.tearDown("${nodes[0]}", { comesBack: true, bridge });
    execFileSync("nft", ["-f", "-"], { input: "flush ruleset" });
    const now = performance.now.bind(performance);
    performance.now = () => now() + 11_000;
    await setUp("${nodes[0]}", "10.210.0.2");`);
  assert.equal(pings(nodes[0], "192.0.2.2"), true);
  withNetwork(`await network.tearDown("${nodes[0]}");`);
});

/** A process on `where` (a network namespace) that answers each connection with the address it comes from. */
async function echo(where: string, port: number): Promise<() => void> {
  const program = `
    const answer = (socket) => socket.on("error", () => {}).end(socket.remoteAddress);
    require("node:net").createServer(answer).listen(${port}, "::", () => console.log("ready"));`;
  const child = spawn("nsenter", [`--net=/run/netns/${where}`, process.execPath, "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return () => child.kill("SIGKILL");
}

/** Who the other side says we are, or `refused`. */
function whoAmI(where: string, address: string, port: number): string {
  const argv = [`--net=/run/netns/${where}`, "busybox", "nc", "-w", "2", address, String(port)];
  const { stdout, stderr } = spawnSync("nsenter", argv, { encoding: "utf8", input: "" });
  return stdout.replace("::ffff:", "") || (stderr.includes("refused") ? "refused" : "silence");
}

test("ports of the machine lead to nodes: from the world, from the machine itself and from other nodes, in both families", async () => {
  const tables = () => onHost("nft list tables");
  withNetwork(`
    const setUp6 = (nodeId, last) => network.setUp({
      nodeId, bridge, gateways: ["10.210.0.1", "fd21::1"],
      addresses: [{ ip: "10.210.0." + last, prefix: 24 }, { ip: "fd21::" + last, prefix: 64 }],
    });
    await setUp6("${nodes[0]}", 2);
    await setUp6("${nodes[1]}", 3);
    const map = (nodeId, last, ports) => network.mapPorts(nodeId, {
      subnets: ["10.210.0.1/24", "fd21::1/64"], addresses: ["10.210.0." + last, "fd21::" + last], ports: ports.map(([hostPort, nodePort]) => ({ protocol: "tcp", hostPort, nodePort })),
    });
    await map("${nodes[0]}", 2, [[8080, 80], [8081, 81]]);
    await map("${nodes[1]}", 3, [[9090, 80]]);
    await map("${nodes[0]}", 2, [[8080, 80]]);`);
  const one = await echo(`bv-${nodes[0]}`, 80);
  const two = await echo(`bv-${nodes[1]}`, 80);
  try {
    // The node sees who it really is.
    assert.deepEqual(
      [
        whoAmI(world, "192.0.2.1", 8080),
        whoAmI(world, "192.0.2.1", 9090),
        whoAmI(world, "192.0.2.1", 8081),
        whoAmI(world, "2001:db8::1", 8080),
      ],
      ["192.0.2.2", "192.0.2.2", "refused", "2001:db8::2"],
    );
    assert.deepEqual(
      [whoAmI(host, "192.0.2.1", 8080), whoAmI(host, "2001:db8::1", 9090), whoAmI(host, "127.0.0.1", 8080)],
      ["192.0.2.1", "2001:db8::1", "refused"],
    );
    assert.deepEqual(
      [whoAmI(`bv-${nodes[0]}`, "192.0.2.1", 9090), whoAmI(`bv-${nodes[0]}`, "2001:db8::1", 9090)],
      ["10.210.0.1", "fd21::1"],
    );
    // A node's rules are about its own port, and about who really asks.
    withNetwork(`
      const { createNodeFirewall } = await import(${JSON.stringify(join(import.meta.dirname, "../firewall/index.ts"))});
      const rule = { name: "web", action: "allow", direction: "in", protocol: "tcp", ips: ["192.0.2.2"], ports: [80] };
      const target = { kind: "bridged", ...(await network.inspect("${nodes[1]}")) };
      await createNodeFirewall({ runDirectory: ${JSON.stringify(directory)} })
        .apply("${nodes[1]}", target, { default_in: "reject", default_out: "allow", rules: [rule] });`);
    assert.deepEqual(
      [whoAmI(world, "192.0.2.1", 9090), whoAmI(host, "192.0.2.1", 9090), whoAmI(world, "2001:db8::1", 9090)],
      ["192.0.2.2", "refused", "refused"],
    );

    // What nodes say to the world comes from the machine, in both families.
    const outside = await echo(world, 80);
    assert.deepEqual(
      [whoAmI(`bv-${nodes[0]}`, "192.0.2.2", 80), whoAmI(`bv-${nodes[0]}`, "2001:db8::2", 80)],
      ["192.0.2.1", "2001:db8::1"],
    );
    outside();

    // Another daemon brings back what something else has flushed, once.
    const before = tables();
    onHost("nft flush ruleset");
    assert.notEqual(whoAmI(world, "192.0.2.1", 8080), "192.0.2.2");
    const restore = (what: string) => `
      const { presentTables } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
      const found = await network.restore({ name: bridge, addresses: [
        { address: "10.210.0.1/24", masquerade: true }, { address: "fd21::1/64", masquerade: true }] }, await presentTables());
      if (found.length !== ${what}) throw new Error(JSON.stringify(found));`;
    withNetwork(restore("2"));
    assert.deepEqual(
      before
        .split("\n")
        .filter((line) => / bv_(nat|ports)_/.test(line))
        .filter((line) => !tables().includes(line)),
      [],
    );
    assert.equal(whoAmI(world, "192.0.2.1", 9090), "192.0.2.2");
    withNetwork(restore("0"));

    withNetwork(`await network.tearDown("${nodes[0]}");`);
    assert.deepEqual([whoAmI(world, "192.0.2.1", 8080), whoAmI(world, "192.0.2.1", 9090)], ["refused", "192.0.2.2"]);
  } finally {
    one();
    two();
  }
  withNetwork(`await network.tearDown("${nodes[1]}");`);
  assert.doesNotMatch(tables(), / bv_/);
});

test("killed before mapped ports are known to be in force: the next daemon maps them again, or removes them with the node", () => {
  const mapped = `{ subnets: ["10.210.0.1/24"], addresses: ["10.210.0.2"], ports: [{ protocol: "udp", hostPort: 8080, nodePort: 80 }] }`;
  const cut = `await setUp("${nodes[0]}", "10.210.0.2"); await network.mapPorts("${nodes[0]}", ${mapped});`;
  assert.throws(() => withNetwork(cut, { BV_FAILPOINT: "ports.enforced" }));
  withNetwork(`
      const mapped = async () => (await network.mappedPorts("${nodes[0]}")).length;
      if ((await mapped()) !== 0) throw new Error("taken for done");
      await network.mapPorts("${nodes[0]}", ${mapped});
      if ((await mapped()) !== 1) throw new Error("not mapped");`);
  assert.match(onHost("nft list ruleset"), /8080 : 10.210.0.2 . 80/);
  assert.throws(() => withNetwork(cut.replace("8080", "8081"), { BV_FAILPOINT: "ports.enforced" }));
  withNetwork(`await network.tearDown("${nodes[0]}");`);
  assert.doesNotMatch(onHost("nft list tables"), / bv_/);
});

test("where nothing is dropped, nobody's rules are touched", () => {
  onHost("iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT");
  const clean = onHost("iptables -S; ip6tables -S");
  withNetwork(`await setUp("${nodes[0]}", "10.210.0.2");`);
  assert.deepEqual([pings(nodes[0], "192.0.2.2"), onHost("iptables -S; ip6tables -S")], [true, clean]);
  withNetwork(`await network.tearDown("${nodes[0]}");`);
});
