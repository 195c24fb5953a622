import { existsSync, readdirSync, readFileSync } from "node:fs";
import { error, type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt, isInstalled } from "../trial.ts";

/** Everything the nodes' firewalls are made of, checked by the kernel without a trace. */
const ruleset = `table inet bv_doctor {
  chain input { type filter hook input priority filter; policy accept; ct state established accept; reject; }
}
`;

export async function checkNetwork(patient: Patient): Promise<readonly Finding[]> {
  const bridge = typeof patient.config?.iface === "string" ? patient.config.iface : "br0";
  return [bridgeFinding(bridge), await firewall(patient), await namespaces(patient), await forwarding(bridge, patient)];
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

async function firewall({ signal }: Patient): Promise<Finding> {
  if (!isInstalled("nft")) return error("firewall", "nft is not installed", "apt-get install nftables");
  const checked = await attempt("sh", ["-c", 'printf "%s" "$1" | nft -c -f -', "sh", ruleset], signal);
  if (checked.worked) return ok("firewall", "nft and the kernel know what the rules are made of");
  return error("firewall", `rules cannot be loaded: ${checked.reason}`, "modprobe nf_tables nft_reject_inet nft_ct");
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
