import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join, relative } from "node:path";
import { error, type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt, isInstalled } from "../trial.ts";

/** Everything the nodes' firewalls are made of, checked by the kernel without a trace. */
const ruleset = `table inet bv_doctor {
  chain input { type filter hook input priority filter; policy accept; ct state established accept; reject; }
}
table netdev bv_doctor {
  chain ingress { type filter hook ingress device "lo" priority filter; arp saddr ip 0.0.0.0 accept; ip saddr 0.0.0.0 accept; }
}
table ip bv_doctor {
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; ip saddr 192.0.2.0/24 masquerade; }
}
`;

export async function checkNetwork(patient: Patient): Promise<readonly Finding[]> {
  const bridge = typeof patient.config?.iface === "string" ? patient.config.iface : "br0";
  return [
    bridgeFinding(bridge),
    await links(patient),
    ...(await firewall(patient)),
    await namespaces(patient),
    await forwarding(bridge, patient),
  ];
}

function bridgeFinding(bridge: string): Finding {
  const link = `/sys/class/net/${bridge}`;
  if (!existsSync(link)) return ok("bridge", `${bridge} is made with the first node`);
  if (existsSync(`${link}/bridge`)) return ok("bridge", `${bridge} is there, with ${ports(bridge)} links`);
  return error(
    "bridge",
    `${bridge} is a network interface, but no bridge`,
    "set iface in blockvisor.json to another name",
  );
}

/** A bridge and a node's pair of links, made in a network namespace that ends with the trial. */
async function links({ signal }: Patient): Promise<Finding> {
  const script =
    "ip link add bvd0 type bridge && ip link add bvd1 type veth peer name bvd2 && ip link set bvd1 master bvd0";
  const made = await attempt("unshare", ["--net", "sh", "-c", script], signal);
  if (made.worked) return ok("links", "bridges, and pairs of links on them, can be made");
  return error(
    "links",
    `nodes cannot be connected: ${made.reason}`,
    "modprobe bridge veth; or install a kernel that has them",
  );
}

/** nft says first what is wrong, and then shows where with some lines more. */
const nftTrial = 'said=$(printf "%s" "$1" | nft -c -f - 2>&1) || { echo "$said" | head -n 1 >&2; exit 1; }';

async function firewall({ signal }: Patient): Promise<readonly Finding[]> {
  if (!isInstalled("nft")) return [error("firewall", "nft is not installed", "apt-get install nftables")];
  const check = (rules: string) => attempt("sh", ["-c", nftTrial, "sh", rules], signal);
  const checked = await check(ruleset);
  if (!checked.worked) {
    const fix = "modprobe nf_tables nft_reject_inet nft_ct nft_chain_nat nft_masq; or install a kernel that has them";
    return [error("firewall", `rules cannot be loaded: ${checked.reason}`, fix)];
  }
  const found = ok("firewall", "nft and the kernel know what the rules are made of");
  using group = trialGroup();
  if (group === undefined) return [found];
  const bound = await check(
    `table inet bv_doctor {
  chain output { type filter hook output priority filter; policy accept; socket cgroupv2 level 1 "${group.name}" drop; }
}
`,
  );
  if (bound.worked) return [found];
  const told = `nodes on the host's network (host_network) cannot have a firewall: ${bound.reason}`;
  return [found, warning("firewall", told, "modprobe nft_socket; nodes on the bridge do not need it")];
}

/** A control group of version 2, named as rules name it, for as long as the trial takes. That none can be made is a finding of the check `cgroups`. */
function trialGroup(): ({ readonly name: string } & Disposable) | undefined {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "));
    const mount = mounts.find(([, , type]) => type === "cgroup2")?.[1];
    if (mount === undefined) return undefined;
    const path = mkdtempSync(join(mount, "bv_doctor-"));
    return { name: relative("/sys/fs/cgroup", path), [Symbol.dispose]: () => rmdirSync(path) };
  } catch {
    return undefined;
  }
}

async function namespaces({ signal }: Patient): Promise<Finding> {
  const made = await attempt("unshare", ["--net", "--mount", "--pid", "--fork", "true"], signal);
  if (made.worked) return ok("namespaces", "networks, mounts and processes can be kept apart");
  return error(
    "namespaces",
    `cannot be made: ${made.reason}`,
    "run on a machine or VM that allows containers, as root",
  );
}

/** Docker drops what is forwarded, also on bridges that are not its own (when br_netfilter is loaded). */
async function forwarding(bridge: string, { signal }: Patient): Promise<Finding> {
  if (!isInstalled("iptables")) return ok("forwarding", "iptables is not installed, so nothing of it is in the way");
  const policy = await attempt("iptables", ["-w", "10", "-S", "FORWARD"], signal);
  if (!policy.worked || !policy.said.includes("-P FORWARD DROP")) {
    return ok("forwarding", "the host's FORWARD chain lets nodes through");
  }
  const user = await attempt("iptables", ["-w", "10", "-S", "DOCKER-USER"], signal);
  const rules = policy.said + (user.worked ? user.said : "");
  const admitted = rules
    .split("\n")
    .some(
      (rule) =>
        /^-A (FORWARD|DOCKER-USER) /.test(rule) && rule.includes(` -i ${bridge} `) && rule.endsWith("-j ACCEPT"),
    );
  if (admitted) return ok("forwarding", `Docker drops what is forwarded, with an exception for ${bridge}`);
  const told = "Docker (or somebody else) drops what is forwarded";
  if (ports(bridge) === 0)
    return ok("forwarding", `${told}; the daemon makes an exception for ${bridge} with the first node`);
  const chain = user.worked ? "DOCKER-USER" : "FORWARD";
  const fix = `iptables -I ${chain} -i ${bridge} -j ACCEPT && iptables -I ${chain} -o ${bridge} -j ACCEPT`;
  return warning("forwarding", `${told}: the nodes on ${bridge} reach nobody beyond it${bridged()}`, fix);
}

function bridged(): string {
  try {
    const calls = readFileSync("/proc/sys/net/bridge/bridge-nf-call-iptables", "utf8").trim();
    return calls === "1" ? ", nor each other" : "";
  } catch {
    return "";
  }
}

function ports(bridge: string): number {
  try {
    return readdirSync(`/sys/class/net/${bridge}/brif`).length;
  } catch {
    return 0;
  }
}
