import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { plainId } from "../which-node.ts";

/** `bv node status`: one word per argument, in their order (host-daemon §2.2). */
export async function nodeStatus({ out, args, signal }: Call<object, [nodes: readonly string[]]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const found = args[0].map((node) => daemon.call("GetNode", { node: plainId(node) }, { signal }));
  const nodes = (await Promise.all(found)).map((node) => nodeView(node));
  for (const { status } of nodes) out.line(status);
  out.document({ nodes: nodes.map(({ id, name, status }) => ({ id, name, status })) });
}
