import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { type NodeView, nodeView } from "../../../daemon/node-view.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { parsePortMapping, portText } from "../../../daemon/port-mapping.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { whichNode } from "../which-node.ts";
import type { PortsOptions } from "./verb.ts";

/** `bv node ports` (host-daemon DB-6.12). */
export async function nodePorts({ out, args, options, signal }: Call<PortsOptions, [node?: string]>): Promise<void> {
  const { set, none = false, auto = false } = options;
  if ([set !== undefined, none, auto].filter(Boolean).length > 1) {
    throw new Failure("usage", "--set, --none and --auto exclude each other");
  }
  const mappings = set?.map(parsePortMapping) ?? [];
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  if (set === undefined && !none && !auto) {
    printPorts(out, nodeView(await daemon.call("GetNode", { node }, { signal })));
    return;
  }
  const request = { node, ...(auto ? {} : { ports: { mappings } }) };
  const end = await followOperation(daemon, out, "SetNodePorts", request, { title: "Changing ports", signal });
  if (end.kind === "done") printPorts(out, end.node);
}

function printPorts(out: Output, node: NodeView): void {
  const { id, name, ports } = node;
  for (const port of ports) out.line(portText(port));
  if (ports.length === 0) out.line(`No port of this machine leads to node \`${name}\``);
  out.document({ node: id, name, ports });
}
