import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { createNodeCgroups } from "../cgroups/index.ts";
import { createNodeNetwork, type NodeNetworkHandle } from "../network/index.ts";
import {
  createNodeFirewall,
  effectiveRules,
  type FirewallConfig,
  type FirewallRule,
  type FirewallTarget,
} from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "bv-firewall-"));
const bridge = `bvf${process.pid}`;
const subnet = `10.${150 + (process.pid % 50)}.${(process.pid >> 6) % 250}`;
const v6 = `fd01:${(process.pid & 0xffff).toString(16)}::`;
const network = createNodeNetwork({ runDirectory: directory });
const firewall = createNodeFirewall({ runDirectory: directory });
const cgroups = createNodeCgroups();
const node = `fw-node-${process.pid}`;
const friend = `fw-friend-${process.pid}`;
const stranger = `fw-stranger-${process.pid}`;
const ids = [node, friend, stranger];
const machines = new Map<string, Machine>();
let target: FirewallTarget & { readonly kind: "bridged" };

const PORTS = [1001, 1002, 1003];

/** A process in a network namespace that listens on all test ports (TCP and UDP, both families) and connects on command. */
interface Machine {
  readonly child: ChildProcess;
  /** Who waits for the answer to which command. */
  readonly waiting: Map<number, (result: string) => void>;
}

const PROGRAM = `
  const net = require("node:net"), dgram = require("node:dgram");
  for (const port of ${JSON.stringify(PORTS)}) {
    net.createServer((socket) => socket.on("error", () => {}).end("tcp")).listen(port, "::");
    const udp = dgram.createSocket({ type: "udp6", ipv6Only: false });
    udp.on("message", (_, from) => udp.send("udp", from.port, from.address));
    udp.bind(port, "::");
  }
  const tcp = (host, port) => new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const timer = setTimeout(() => { socket.destroy(); resolve("silence"); }, 400);
    socket.on("error", (error) => { clearTimeout(timer); resolve(error.code === "ECONNREFUSED" || error.code === "ECONNRESET" ? "refused" : error.code === "EACCES" || error.code === "EPERM" || error.code === "EHOSTUNREACH" ? "refused" : error.code); });
    socket.on("connect", () => { clearTimeout(timer); socket.destroy(); resolve("open"); });
  });
  const udp = (host, port) => new Promise((resolve) => {
    const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (result) => { clearTimeout(timer); socket.close(); resolve(result); };
    const timer = setTimeout(end, 400, "silence");
    socket.on("error", () => end("refused"));
    socket.on("message", () => end("open"));
    socket.connect(port, host, () => socket.send("x", (error) => error && end(error.code === "EPERM" ? "silence" : "refused")));
  });
  require("node:readline").createInterface({ input: process.stdin }).on("line", async (line) => {
    const [id, protocol, host, port] = line.split(" ");
    console.log(id, await (protocol === "tcp" ? tcp : udp)(host, Number(port)));
  });
  setTimeout(() => console.log("0 ready"), 0);`;

async function startMachine(id: string, enter: readonly string[]): Promise<void> {
  const [command = "", ...args] = [...enter, process.execPath, "-e", PROGRAM];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map<number, (result: string) => void>();
  const ready = new Promise<string>((resolve) => waiting.set(0, resolve));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [number, result = ""] = line.split(" ");
    waiting.get(Number(number))?.(result);
  });
  child.once("exit", () => {
    for (const answer of waiting.values()) answer("the process ended");
  });
  machines.set(id, { child, waiting });
  assert.equal(await ready, "ready");
}

let commands = 0;

/** `open`, `refused` (told so at once) or `silence`. A local UDP sender cannot tell a reject from a drop. */
function attempt(from: string, protocol: "tcp" | "udp", host: string, port: number): Promise<string> {
  const { child, waiting } = machines.get(from)!;
  commands += 1;
  const number = commands;
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    child.stdin!.write(`${number} ${protocol} ${host} ${port}\n`);
  });
}

const address = { [node]: `${subnet}.2`, [friend]: `${subnet}.3`, [stranger]: `${subnet}.4` };
const address6 = { [node]: `${v6}2`, [friend]: `${v6}3`, [stranger]: `${v6}4` };

before(async () => {
  await network.ensureBridge({ name: bridge, addresses: [{ address: `${subnet}.1/24`, masquerade: false }] });
  const handles = new Map<string, NodeNetworkHandle>();
  for (const id of ids) {
    const addresses = [
      { ip: address[id]!, prefix: 24 },
      { ip: address6[id]!, prefix: 64 },
    ];
    handles.set(id, await network.setUp({ nodeId: id, bridge, addresses, gateways: [`${subnet}.1`] }));
  }
  target = { kind: "bridged", ...handles.get(node)! };
  for (const id of ids) await startMachine(id, ["nsenter", `--net=/run/netns/bv-${id}`]);
  // Addresses of version 6 are checked for duplicates before they can be used.
  while ((await attempt(friend, "tcp", address6[node]!, 1001)) !== "open");
});

after(async () => {
  for (const { child } of machines.values()) child.kill("SIGKILL");
  for (const id of ids) {
    await firewall.remove(id);
    await network.tearDown(id);
  }
  await cgroups.remove(node);
  await network.removeBridge(bridge);
  rmSync(directory, { recursive: true, force: true });
});

const open: FirewallConfig = { default_in: "allow", default_out: "allow", rules: [] };

function rule(change: Partial<FirewallRule>): FirewallRule {
  return { name: "rule", action: "allow", direction: "in", protocol: null, ips: [], ports: [], ...change };
}

/** What friend and stranger can do to the node, and the node to them, on two ports. */
async function matrix(protocol: "tcp" | "udp", addresses = address) {
  const attempts = [friend, stranger].flatMap((other) => {
    const name = other === friend ? "friend" : "stranger";
    return [1001, 1002].flatMap((port) => [
      attempt(other, protocol, addresses[node]!, port).then((result) => [`${name} → node:${port}`, result] as const),
      attempt(node, protocol, addresses[other]!, port).then((result) => [`node → ${name}:${port}`, result] as const),
    ]);
  });
  return Object.fromEntries(await Promise.all(attempts));
}

const all = (incoming: string, outgoing: string) => ({
  "friend → node:1001": incoming,
  "friend → node:1002": incoming,
  "stranger → node:1001": incoming,
  "stranger → node:1002": incoming,
  "node → friend:1001": outgoing,
  "node → friend:1002": outgoing,
  "node → stranger:1001": outgoing,
  "node → stranger:1002": outgoing,
});

for (const [default_in, default_out, incoming, outgoing] of [
  ["allow", "allow", "open", "open"],
  ["deny", "allow", "silence", "open"],
  ["reject", "allow", "refused", "open"],
  ["allow", "deny", "open", "silence"],
  ["allow", "reject", "open", "refused"],
] as const) {
  test(`defaults in: ${default_in}, out: ${default_out}`, async () => {
    await firewall.apply(node, target, { default_in, default_out, rules: [] });
    assert.deepEqual(await matrix("tcp"), all(incoming, outgoing));
    assert.equal(await attempt(friend, "udp", address[node]!, 1001), incoming);
    assert.equal(await attempt(node, "udp", address[friend]!, 1001), outgoing === "open" ? "open" : "silence");
    assert.equal(await attempt(friend, "tcp", address6[node]!, 1001), incoming);
    assert.equal(await attempt(node, "tcp", address6[friend]!, 1001), outgoing);
  });
}

test("a rule for one port, one address, one protocol opens exactly that", async () => {
  const rules = [rule({ protocol: "tcp", ips: [address[friend]!], ports: [1001] })];
  await firewall.apply(node, target, { default_in: "reject", default_out: "allow", rules });
  assert.deepEqual(await matrix("tcp"), { ...all("refused", "open"), "friend → node:1001": "open" });
  assert.deepEqual(await matrix("udp"), all("refused", "open"));
  assert.equal(await attempt(friend, "tcp", address6[node]!, 1001), "refused");
});

for (const action of ["deny", "reject"] as const) {
  test(`a rule that says ${action} closes what the default leaves open, in and out`, async () => {
    const result = action === "deny" ? "silence" : "refused";
    const rules = [
      rule({ name: "in", action, protocol: "both", ips: [`${address[stranger]}/32`], ports: [1001, 1003] }),
      rule({ name: "out", action, direction: "out", protocol: "udp", ips: [], ports: [1002] }),
    ];
    await firewall.apply(node, target, { ...open, rules });
    assert.deepEqual(await matrix("tcp"), { ...all("open", "open"), "stranger → node:1001": result });
    assert.deepEqual(await matrix("udp"), {
      ...all("open", "open"),
      "stranger → node:1001": result,
      "node → friend:1002": "silence",
      "node → stranger:1002": "silence",
    });
  });
}

test("networks of both families, also overlapping and with host bits, match who is in them", async () => {
  const rules = [
    rule({
      ips: [`${address[friend]}/31`, `${address[friend]}`, `${v6}3/126`, `${address[friend]}/31`],
      ports: [1001],
    }),
  ];
  await firewall.apply(node, target, { default_in: "deny", default_out: "allow", rules });
  // .3/31 is .2 and .3; ::3/126 is ::0 to ::3.
  assert.deepEqual(await matrix("tcp"), { ...all("silence", "open"), "friend → node:1001": "open" });
  assert.deepEqual(await matrix("udp", address6), { ...all("silence", "open"), "friend → node:1001": "open" });
});

test("a later rule wins over an earlier one", async () => {
  const rules = [rule({ name: "first", action: "deny", ports: [1001, 1002] }), rule({ name: "second", ports: [1001] })];
  await firewall.apply(node, target, { ...open, rules });
  assert.equal(await attempt(friend, "tcp", address[node]!, 1001), "open");
  assert.equal(await attempt(friend, "tcp", address[node]!, 1002), "silence");
  await firewall.apply(node, target, { ...open, rules: rules.toReversed() });
  assert.equal(await attempt(friend, "tcp", address[node]!, 1001), "silence");
});

test("a rule without ports and protocol is about every protocol, ping included", async () => {
  const pings = () => {
    try {
      execFileSync(
        "nsenter",
        [`--net=/run/netns/bv-${friend}`, "busybox", "ping", "-c", "1", "-W", "1", address[node]!],
        { stdio: "ignore" },
      );
      return true;
    } catch {
      return false;
    }
  };
  await firewall.apply(node, target, { ...open, default_in: "deny" });
  assert.equal(pings(), false);
  await firewall.apply(node, target, { ...open, default_in: "deny", rules: [rule({ ips: [`${subnet}.0/24`] })] });
  assert.equal(pings(), true);
});

test("forged addresses do not leave the node, whatever its own rules are", async () => {
  await firewall.apply(node, target, open);
  const inNode = (...argv: string[]) => execFileSync("nsenter", [`--net=${target.namespacePath}`, ...argv]);
  assert.equal(await attempt(node, "tcp", address[friend]!, 1001), "open");
  inNode("ip", "address", "add", `${subnet}.77/24`, "dev", "eth0");
  inNode("ip", "route", "add", `${address[friend]}/32`, "dev", "eth0", "src", `${subnet}.77`);
  assert.equal(await attempt(node, "tcp", address[friend]!, 1001), "silence");
  inNode("ip", "route", "delete", `${address[friend]}/32`, "dev", "eth0");
  inNode("ip", "address", "delete", `${subnet}.77/24`, "dev", "eth0");
  assert.equal(await attempt(node, "tcp", address[friend]!, 1001), "open");
  inNode("ip", "link", "set", "eth0", "address", "02:00:00:00:00:99");
  assert.equal(await attempt(node, "tcp", address[stranger]!, 1002), "silence");
  inNode("ip", "link", "set", "eth0", "address", target.mac);
});

test("rules are shown, replaced as a whole, and removed; others' rules stay", async () => {
  const table = `bv_foreign_${process.pid}`;
  execFileSync("nft", ["add", "table", "inet", table]);
  await firewall.apply(node, target, { ...open, rules: [rule({ name: `odd "name"; \n flush`, ports: [1001] })] });
  const own = createHash("sha256").update(node).digest("hex").slice(0, 16);
  assert.match(execFileSync("nft", ["list", "tables"], { encoding: "utf8" }), new RegExp(`netdev bv_${own}`));
  const shown = await firewall.show(node, target);
  assert.match(shown ?? "", /th dport 1001 counter packets \d+ bytes \d+ accept comment "odd \?name\?\? \? flush"/);
  await firewall.apply(node, target, open);
  assert.doesNotMatch((await firewall.show(node, target)) ?? "", /1001/);
  assert.deepEqual(await firewall.list(), [node]);
  await firewall.remove(node, target);
  await firewall.remove(node);
  assert.equal(await firewall.show(node, target), undefined);
  assert.deepEqual(await firewall.list(), []);
  assert.deepEqual(await matrix("tcp"), all("open", "open"));
  const tables = execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  assert.match(tables, new RegExp(table));
  assert.doesNotMatch(tables, new RegExp(own));
  execFileSync("nft", ["delete", "table", "inet", table]);
});

test("what each rule has matched is told, in the order in which the kernel tries them", async () => {
  const config: FirewallConfig = {
    default_in: "deny",
    default_out: "allow",
    rules: [
      rule({ name: "web", action: "reject", protocol: "both", ips: [`${subnet}.0/24`, `${v6}/64`], ports: [1001] }),
      rule({ name: "friend", ips: [address[friend]!], ports: [1001, 1002] }),
      rule({ name: "away", action: "deny", direction: "out", protocol: "tcp", ports: [1003] }),
    ],
  };
  await firewall.apply(node, target, config);
  assert.equal(await attempt(friend, "tcp", address[node]!, 1001), "open");
  assert.equal(await attempt(stranger, "tcp", address6[node]!, 1001), "refused");
  assert.equal(await attempt(stranger, "udp", address[node]!, 1001), "refused");
  assert.equal(await attempt(stranger, "udp", address[node]!, 1002), "silence");
  const ruleset = (await firewall.show(node, target)) ?? "";
  const told = effectiveRules(config, ruleset).map((found) => [
    found.rule.direction,
    found.rule.name,
    found.rule.action,
    found.isDefault,
    found.packets,
  ]);
  assert.deepEqual(told, [
    ["in", "friend", "allow", false, 1],
    ["in", "web", "reject", false, 2],
    ["in", "default", "deny", true, 1],
    ["out", "away", "deny", false, 0],
    ["out", "default", "allow", true, told[4]?.[4]],
  ]);
});

test("rules that make no sense are refused and change nothing", async () => {
  await firewall.apply(node, target, { ...open, default_in: "deny" });
  const before = await firewall.show(node, target);
  for (const rules of [
    [rule({ ips: ["10.0.0.0/33"] })],
    [rule({ ips: ["example.org"] })],
    [rule({ ports: [0] })],
    [rule({ ports: [65_616] })],
    [rule({ ports: [1.5] })],
    [rule({ ports: Array.from({ length: 16_385 }, (_, index) => index + 1) })],
    [rule({}), rule({})],
    Array.from({ length: 129 }, (_, index) => rule({ name: String(index) })),
  ]) {
    await assert.rejects(firewall.apply(node, target, { ...open, rules }), { code: "firewall-invalid" });
  }
  assert.equal(await firewall.show(node, target), before);
});

test("the most rules a node may have, each with many addresses, are one transaction", async () => {
  const ips = Array.from({ length: 10 }, (_, index) => `172.16.${index}.0/24`);
  const rules = Array.from({ length: 128 }, (_, index) => rule({ name: `rule ${index}`, ips, ports: [index + 1] }));
  await firewall.apply(node, target, { ...open, rules });
  assert.equal((await firewall.show(node, target))?.match(/comment "rule /g)?.length, 128);
});

test("changes of many nodes at the same time, while an administrator changes rules of his own, are all as they were meant (A22)", async () => {
  // On the host's network, where everybody's rules are.
  const many = Array.from({ length: 20 }, (_, index) => `fw-many-${index}-${process.pid}`);
  const admin = ["inet", `bv_test_admin_${process.pid}`];
  const nft = (...args: readonly string[]) => execFileSync("nft", args, { encoding: "utf8" });
  const adminPorts = () => nft("list", "table", ...admin).match(/(?<=dport )\d+(?= accept)/g);
  const targetOf = (id: string): FirewallTarget => {
    const cgroup = cgroups.socketMatch(id);
    return cgroup ? { kind: "host", cgroup } : assert.fail("this machine has no cgroup version 2");
  };
  try {
    for (const id of many) await cgroups.ensure(id, {});
    nft("add", "table", ...admin);
    nft("add", "chain", ...admin, "ssh");
    const change = async (id: string): Promise<void> => {
      for (const count of [1, 2]) {
        const rules = [rule({ name: `${id} change ${count}`, ports: [count] })];
        await firewall.apply(id, targetOf(id), { ...open, rules });
      }
    };
    const ports = ["1", "2", "3", "4", "5", "6", "7", "8"];
    const administer = async (): Promise<void> => {
      for (const port of ports) {
        await promisify(execFile)("nft", ["add", "rule", ...admin, "ssh", "tcp", "dport", port, "accept"]);
      }
    };
    await Promise.all([...many.map(change), administer()]);
    assert.deepEqual(adminPorts(), ports);
    // Who removes one node's rules leaves everybody else's.
    const [first = "", ...others] = many;
    await firewall.remove(first, targetOf(first));
    const ruleset = nft("list", "ruleset");
    assert.deepEqual(
      many.map((id) => ruleset.match(new RegExp(`(?<=comment "${id} )change \\d`, "g"))),
      [null, ...others.map(() => ["change 2"])],
    );
  } finally {
    await Promise.all(many.map((id) => firewall.remove(id)));
    for (const id of many) await cgroups.remove(id);
    assert.deepEqual(adminPorts()?.length, 8);
    nft("delete", "table", ...admin);
  }
});

for (const point of ["firewall.marked", "firewall.applied"]) {
  test(`killed at ${point}: the old rules or the new ones, never none`, async () => {
    await firewall.apply(node, target, { ...open, default_in: "deny" });
    const script = `import { createNodeFirewall } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      await createNodeFirewall({ runDirectory: ${JSON.stringify(directory)} })
        .apply(${JSON.stringify(node)}, ${JSON.stringify(target)}, ${JSON.stringify({ ...open, default_in: "reject" })});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: "inherit",
      env: { ...process.env, BV_FAILPOINT: point },
    });
    assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
    assert.equal(
      await attempt(friend, "tcp", address[node]!, 1001),
      point === "firewall.marked" ? "silence" : "refused",
    );
    assert.deepEqual(await firewall.list(), [node]);
  });
}

test("on the host's network the rules bind the node's cgroup and nobody else", async () => {
  await cgroups.ensure(node, {});
  const cgroup = cgroups.socketMatch(node);
  assert.ok(cgroup, "this machine has no cgroup version 2");
  // The friend's namespace stands for the host: the rules are loaded there, one process runs in the node's cgroup.
  const enter = 'for file in $0; do echo 0 >"$file"; done; exec "$@"';
  machines.get(friend)!.child.kill("SIGKILL");
  await once(machines.get(friend)!.child, "exit");
  await startMachine("inside", [
    "sh",
    "-c",
    enter,
    cgroups.joinFiles(node).join(" "),
    "nsenter",
    `--net=/run/netns/bv-${friend}`,
  ]);
  const hostTarget: FirewallTarget = { kind: "host", cgroup };
  const rules = [
    rule({ protocol: "tcp", ports: [1001] }),
    rule({ name: "out", direction: "out", action: "reject", protocol: "tcp", ports: [1002] }),
  ];
  const script = `import { createNodeFirewall } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    const firewall = createNodeFirewall({ runDirectory: ${JSON.stringify(directory)} });
    await firewall.apply(${JSON.stringify(node)}, ${JSON.stringify(hostTarget)}, ${JSON.stringify({ default_in: "deny", default_out: "allow", rules })});`;
  execFileSync("nsenter", [`--net=/run/netns/bv-${friend}`, process.execPath, "--input-type=module", "-e", script]);
  assert.equal(await attempt(stranger, "tcp", address[friend]!, 1001), "open");
  assert.equal(await attempt(stranger, "tcp", address[friend]!, 1002), "silence");
  assert.equal(await attempt(stranger, "udp", address[friend]!, 1001), "silence");
  assert.equal(await attempt("inside", "tcp", address[stranger]!, 1001), "open");
  assert.equal(await attempt("inside", "tcp", address[stranger]!, 1002), "refused");
  // Another process of the same host, on the same address, is not the node.
  machines.get("inside")!.child.kill("SIGKILL");
  await once(machines.get("inside")!.child, "exit");
  await startMachine("beside", ["nsenter", `--net=/run/netns/bv-${friend}`]);
  assert.equal(await attempt(stranger, "tcp", address[friend]!, 1002), "open");
  assert.equal(await attempt("beside", "tcp", address[stranger]!, 1002), "open");
});
