import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { launchTool } from "../launcher/index.ts";
import { contains, parseCidr } from "./addresses.ts";
import { bridgePorts, isLocalAddress, linkAddresses } from "./bridge.ts";

/** A machine on the same network answers within a few milliseconds; silence for this long means nobody has the address. */
const ANSWER_MS = 150;
const DISCARD_PORT = 9;

/**
 * Who else on the bridge's network has an address (spec host-daemon DB-6.11): the host itself, or whoever answers when the kernel asks for
 * the address' owner; undefined: nobody. Only addresses in a subnet of the host on the bridge can be asked for. `ownPorts`: links of our own
 * nodes, whose addresses we know; where the bridge has no other ports there is nobody to ask.
 */
export async function holderOf(bridge: string, ip: string, ownPorts: ReadonlySet<string>): Promise<string | undefined> {
  const target = parseCidr(ip);
  if (await isLocalAddress(ip)) return "the host itself has it";
  if ((await bridgePorts(bridge)).every((port) => ownPorts.has(port))) return undefined;
  for (const address of await linkAddresses(bridge)) {
    const host = parseCidr(address);
    if (!host || !target || !contains(host, target)) continue;
    const owner = await findOwner(bridge, ip, address.split("/")[0] ?? "");
    if (owner) return `the machine with the hardware address ${owner} answers for it`;
  }
  return undefined;
}

async function findOwner(bridge: string, ip: string, from: string): Promise<string | undefined> {
  await forget(bridge, ip);
  const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
  socket.on("error", () => {}); // Nobody there: that is the answer looked for.
  try {
    socket.bind(0, from);
    await once(socket, "listening");
    // The kernel has to find the owner before it can send; what is sent does not matter.
    socket.send(Buffer.alloc(0), DISCARD_PORT, ip, () => {});
    await delay(ANSWER_MS);
    const { stdout } = await launchTool("ip", ["-json", "neighbour", "show", "to", ip, "dev", bridge]);
    const [neighbour] = JSON.parse(stdout || "[]") as readonly { lladdr?: string }[];
    return neighbour?.lladdr;
  } finally {
    socket.close();
    await forget(bridge, ip);
  }
}

/** So that neither an old answer nor the failed question is remembered. */
async function forget(bridge: string, ip: string): Promise<void> {
  await launchTool("ip", ["neighbour", "flush", "to", ip, "dev", bridge]);
}
