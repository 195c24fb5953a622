import { isDeepStrictEqual } from "node:util";
import type { HostConfig } from "../config/host-config.ts";
import { HostError } from "../errors/host-error.ts";
import { hostBridge, isHidden, type MappedPorts } from "../network/index.ts";
import { keyOf, listeningPorts } from "./host-ports.ts";
import type { NodeActor, NodeSnapshot } from "./node-actor.ts";
import { type NodeHost, usesHostNetwork } from "./node-host.ts";
import { addressesOf, type NodeState, type PortMapping, portsSchema } from "./node-state.ts";
import type { OperationRequest } from "./operation-request.ts";

/** What ports of the machine lead to the node from now on; what it has stays where it can. Error `no_resources`. */
export async function portsOf(host: NodeHost, state: NodeState): Promise<NodeState["ports"]> {
  if (state.ports.by_hand) return state.ports;
  const { nat } = host.config.network;
  if (nat === undefined || usesHostNetwork(host, state)) {
    return state.ports.mappings.length === 0 ? state.ports : { by_hand: false, mappings: [] };
  }
  const mappings = [...host.ports.choose(state, nat, await listeningPorts())];
  return isDeepStrictEqual(mappings, state.ports.mappings) ? state.ports : { by_hand: false, mappings };
}

export function mappedPorts(host: NodeHost, state: NodeState, { mappings }: NodeState["ports"]): MappedPorts {
  return {
    subnets: hostBridge(host.config).addresses.map(({ address }) => address),
    addresses: addressesOf(state),
    ports: mappings.map(({ protocol, host_port, node_port }) => ({
      protocol,
      hostPort: host_port,
      nodePort: node_port,
    })),
  };
}

/**
 * Ports as a person asks for them; absent: by the firewall. Errors `invalid`, `unsupported` (the host is not the nodes' gateway, so others
 * reach them by their own addresses), `conflict` (a program of the machine listens there).
 */
export async function wantedPorts(
  config: Pick<HostConfig, "network">,
  asked:
    | {
        readonly mappings: readonly {
          readonly protocol: string;
          readonly hostPort: number;
          readonly nodePort: number;
        }[];
      }
    | undefined,
  had: readonly PortMapping[] = [],
): Promise<NodeState["ports"]> {
  if (asked === undefined) return { by_hand: false, mappings: [] };
  if (asked.mappings.length > 0 && !isHidden(config.network)) {
    throw new HostError("unsupported", "nodes of this host are reached by their own addresses", {
      hint: "ports are mapped where the host is its nodes' gateway: net_conf.gateway_ip = net_conf.host_ip in blockvisor.json",
    });
  }
  const parsed = portsSchema.safeParse({
    by_hand: true,
    mappings: asked.mappings.map(({ protocol, hostPort, nodePort }) => ({
      protocol: protocol || "tcp",
      host_port: hostPort,
      node_port: nodePort,
    })),
  });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HostError("invalid", `ports: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const keys = parsed.data.mappings.map(keyOf);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new HostError("invalid", `${twice} of the machine is given twice`);
  const listening = await listeningPorts();
  const own = new Set(had.map(keyOf));
  const taken = keys.find((key) => listening.has(key) && !own.has(key));
  if (taken === undefined) return parsed.data;
  throw new HostError("conflict", `a program of the machine listens on ${taken.replace(" ", " port ")}`, {
    hint: "choose another port of the machine",
  });
}

/** Changes which ports lead to a node, at once if it runs. Errors of `wantedPorts`, `conflict`. */
export async function setPorts(
  actor: NodeActor,
  asked: Parameters<typeof wantedPorts>[1],
  asker: Pick<OperationRequest, "onNews" | "commandId" | "requestId" | "origin">,
): Promise<NodeSnapshot> {
  const { host } = actor.parts;
  const { state } = actor.snapshot();
  if (usesHostNetwork(host, state)) {
    throw new HostError("unsupported", `node \`${state.name}\` is on the host's network: its ports are the machine's`);
  }
  const ports = await wantedPorts(host.config, asked, state.ports.mappings);
  return actor.operate({
    kind: "update",
    change: (current) => {
      host.ports.claim(current, ports.mappings);
      return { ports };
    },
    forget: { firewall: "unknown" },
    ...asker,
  });
}
