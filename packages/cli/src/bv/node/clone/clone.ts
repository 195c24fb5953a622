import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { dumpNode } from "../dump.ts";
import { plainId } from "../which-node.ts";
import type { CloneOptions } from "./verb.ts";

/** `bv node clone`. */
export async function cloneNode({ out, args, options, signal }: Call<CloneOptions, [node: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const { name = "", ip = "", start = false, stop = false } = options;
  const request = { node: plainId(args[0]), name, ip, start, stop };
  const end = await followOperation(daemon, out, "CloneNode", request, { title: `Cloning ${args[0]}`, signal });
  if (end.kind !== "done") return;
  out.line(`Created dev_node \`${end.node.id}\` named \`${end.node.name}\``);
  out.line(dumpNode(end.node));
  out.document({ node: end.node });
}
