import { readFile } from "node:fs/promises";
import { HostError } from "../errors/host-error.ts";
import type { Firewall, NodeState, PortMapping } from "./node-state.ts";

/** Which ports of the machine lead to which node (DB-6.12). In memory only: rebuilt from the nodes' states when the daemon starts. */
export class HostPorts {
  readonly #owners = new Map<string, { readonly id: string; readonly name: string }>();

  /** Makes exactly those of its state the node's. */
  assign({ id, name, ports }: Pick<NodeState, "id" | "name" | "ports">): void {
    this.release(id);
    for (const mapping of ports.mappings) this.#owners.set(keyOf(mapping), { id, name });
  }

  release(nodeId: string): void {
    for (const [key, { id }] of this.#owners) if (id === nodeId) this.#owners.delete(key);
  }

  /** Error `conflict`, with the owner's name. */
  refuseTaken(nodeId: string, mappings: readonly PortMapping[]): void {
    for (const mapping of mappings) {
      const owner = this.#owners.get(keyOf(mapping));
      if (owner === undefined || owner.id === nodeId) continue;
      throw new HostError(
        "conflict",
        `${mapping.protocol} port ${mapping.host_port} of the machine leads to node \`${owner.name}\``,
        {
          hint: "choose another port, or take it from that node with `bv node ports`",
        },
      );
    }
  }

  /** Claims more ports for a node, beside those it has. Error `conflict`. */
  claim({ id, name }: Pick<NodeState, "id" | "name">, mappings: readonly PortMapping[]): void {
    this.refuseTaken(id, mappings);
    for (const mapping of mappings) this.#owners.set(keyOf(mapping), { id, name });
  }

  /**
   * Mappings for what a node's rules let in: those it has stay; for others the same port of the machine, or where it is taken the
   * first free one of the range. They are the node's from now on. Error `no_resources`.
   */
  choose(
    node: Pick<NodeState, "id" | "name" | "firewall" | "ports">,
    range: { readonly first: number; readonly last: number },
    listening: ReadonlySet<string>,
  ): readonly PortMapping[] {
    const isFree = (mapping: PortMapping): boolean => {
      const owner = this.#owners.get(keyOf(mapping));
      return owner === undefined ? !listening.has(keyOf(mapping)) : owner.id === node.id;
    };
    const mappings: PortMapping[] = [];
    const kept = node.ports.mappings;
    for (const { protocol, port } of openPorts(node.firewall)) {
      const known = kept.find((mapping) => mapping.protocol === protocol && mapping.node_port === port);
      const isNew = (mapping: PortMapping): boolean =>
        isFree(mapping) && ![...mappings, ...kept].some((other) => keyOf(other) === keyOf(mapping));
      const same = { protocol, host_port: port, node_port: port };
      const mapping = known ?? (isNew(same) ? same : firstIn(range, (host_port) => ({ ...same, host_port }), isNew));
      if (mapping === undefined) {
        throw new HostError(
          "no_resources",
          `no port of the machine is free for ${protocol} port ${port} of node \`${node.name}\``,
          {
            hint: `widen net_conf.nat.ports of blockvisor.json (${range.first}-${range.last}), or choose ports with \`bv node ports\``,
          },
        );
      }
      mappings.push(mapping);
    }
    this.claim(node, mappings);
    return mappings;
  }
}

function firstIn(
  { first, last }: { readonly first: number; readonly last: number },
  mappingAt: (port: number) => PortMapping,
  accept: (mapping: PortMapping) => boolean,
): PortMapping | undefined {
  for (let port = first; port <= last; port += 1) if (accept(mappingAt(port))) return mappingAt(port);
  return undefined;
}

/** Ports that a rule names and lets in, unless a later rule, which wins, closes them to everyone. In the order of the rules. */
function openPorts({ rules }: Firewall): readonly { readonly protocol: "tcp" | "udp"; readonly port: number }[] {
  const open = new Map<string, { readonly protocol: "tcp" | "udp"; readonly port: number }>();
  for (const { direction, action, protocol, ips, ports } of rules) {
    if (direction !== "in") continue;
    for (const each of protocol === "tcp" || protocol === "udp" ? [protocol] : (["tcp", "udp"] as const)) {
      for (const port of ports) {
        if (action === "allow") open.set(`${each} ${port}`, { protocol: each, port });
        else if (ips.length === 0) open.delete(`${each} ${port}`);
      }
    }
  }
  return [...open.values()];
}

/** As the kernel prints addresses: words in the machine's order (all machines we run on are little-endian). */
const loopback = { "": /^[0-9A-F]{6}7F$/, "6": /^0{24}01000000$/ } as const;
/** Of a socket: TCP that listens; UDP that is bound, and has no peer. */
const states = { tcp: "0A", udp: "07" } as const;

/** `protocol port` of what programs of the machine listen on, loopback left out: no mapping may take it from them. */
export async function listeningPorts(): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const protocol of ["tcp", "udp"] as const) {
    for (const family of ["", "6"] as const) {
      const lines = (await readFile(`/proc/net/${protocol}${family}`, "utf8").catch(() => "")).split("\n").slice(1);
      for (const line of lines) {
        const [, local = "", , state] = line.trim().split(/\s+/);
        const [address = "", port = ""] = local.split(":");
        if (state === states[protocol] && !loopback[family].test(address))
          found.add(`${protocol} ${Number.parseInt(port, 16)}`);
      }
    }
  }
  return found;
}

export function keyOf({ protocol, host_port: port }: Pick<PortMapping, "protocol" | "host_port">): string {
  return `${protocol} ${port}`;
}
