import type { PortMappingJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import { Failure } from "../failure/failure.ts";

/** A port of the machine that leads to one of a node, as `--format json` shows it. */
export interface PortView {
  readonly protocol: string;
  readonly host_port: number;
  readonly node_port: number;
}

export function portView({ protocol = "tcp", hostPort = 0, nodePort = 0 }: PortMappingJson): PortView {
  return { protocol, host_port: hostPort, node_port: nodePort };
}

export function portText({ protocol, host_port: host, node_port: node }: PortView): string {
  return `${host} → ${node}/${protocol}`;
}

/** `[HOST:]NODE[/tcp|/udp]`; without HOST it is the same port of the machine. */
export function parsePortMapping(text: string): PortMappingJson {
  const [, host, node, protocol = "tcp"] = /^(?:(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const [nodePort, hostPort] = [Number(node), Number(host ?? node)];
  if ([nodePort, hostPort].every((port) => port >= 1 && port <= 65_535)) return { protocol, hostPort, nodePort };
  throw new Failure("usage", `'${text}' says no port of the machine and of the node`, {
    hint: "write it like 18545:8545, or 30303:30303/udp; ports are numbers from 1 to 65535",
  });
}
