import { run } from "../command.ts";

/** A network namespace whose way out is this machine's, by a veth pair and masquerading. */
export interface PrivateNetwork {
  /** `/run/netns/<name>`. */
  readonly path: string;
  remove(): Promise<void>;
}

export async function privateNetwork(name: string): Promise<PrivateNetwork> {
  const subnet = "10.200.77";
  const link = `${name}0`.slice(0, 15);
  const remove = async () => {
    await quietly("nft", ["delete", "table", "ip", name]);
    await quietly("ip", ["netns", "delete", name]);
    await quietly("ip", ["link", "delete", link]);
  };
  await remove();
  try {
    await run("ip", ["netns", "add", name]);
    await run("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name]);
    await run("ip", ["address", "add", `${subnet}.1/24`, "dev", link]);
    await run("ip", ["link", "set", link, "up"]);
    await run("ip", ["-n", name, "link", "set", "lo", "up"]);
    await run("ip", ["-n", name, "address", "add", `${subnet}.2/24`, "dev", "eth0"]);
    await run("ip", ["-n", name, "link", "set", "eth0", "up"]);
    await run("ip", ["-n", name, "route", "add", "default", "via", `${subnet}.1`]);
    await run("nft", [
      `add table ip ${name}; add chain ip ${name} out { type nat hook postrouting priority 100; }; add rule ip ${name} out ip saddr ${subnet}.0/24 oifname != "${link}" masquerade`,
    ]);
    await run("sysctl", ["-qw", `net.ipv4.conf.${link}.forwarding=1`, "net.ipv4.conf.all.forwarding=1"]);
  } catch (error) {
    await remove();
    throw error;
  }
  return { path: `/run/netns/${name}`, remove };
}

async function quietly(command: string, args: readonly string[]): Promise<void> {
  await run("sh", ["-c", '"$@" 2>/dev/null || true', "sh", command, ...args]);
}
