/** The most rules that a node may have, 128 with ten networks each: how long they take to be in force, and what of that is nft's (spec host-daemon §11.4). */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeFirewall, type FirewallConfig } from "../packages/host/src/firewall/index.ts";
import { createNodeNetwork } from "../packages/host/src/network/index.ts";
import { compare, program, report } from "./compare.ts";

const rounds = 15;
const directory = mkdtempSync(join(tmpdir(), "bv-bench-firewall-"));
const nodeId = `bench-fw-${process.pid}`;
const bridge = `bvbf${process.pid}`;
const network = createNodeNetwork({ runDirectory: directory });
const firewall = createNodeFirewall({ runDirectory: directory });
const ips = Array.from({ length: 10 }, (_, index) => `172.16.${index}.0/24`);
const config: FirewallConfig = {
  default_in: "reject",
  default_out: "allow",
  rules: Array.from({ length: 128 }, (_, index) => ({
    name: `rule ${index}`,
    action: "allow",
    direction: "in",
    protocol: "both",
    ips,
    ports: [index + 1],
  })),
};

try {
  await network.ensureBridge({ name: bridge, addresses: [] });
  const spec = { nodeId, bridge, addresses: [{ ip: "198.18.0.2", prefix: 24 }], gateways: [] };
  const target = { kind: "bridged", ...(await network.setUp(spec)) } as const;
  await firewall.apply(nodeId, target, config);
  const table = `${["add", "delete"].map((verb) => `${verb} table inet blockvisor`).join("\n")}\n${await firewall.show(nodeId, target)}`;
  const inside = [`--net=${target.namespacePath}`, "nft", "-f", "-"];
  const ours = { name: "firewall.apply, 128 rules of 10 networks", run: () => firewall.apply(nodeId, target, config) };
  const bare = { name: "nft -f of the same table", run: () => execFileSync("nsenter", inside, { input: table }) };
  report("firewall", [await compare(ours, bare, rounds)]);
} finally {
  await firewall.remove(nodeId);
  await network.tearDown(nodeId);
  program("ip", ["link", "delete", bridge]);
  rmSync(directory, { recursive: true });
}
