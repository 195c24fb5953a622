import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { followOperation } from "../../../daemon/operation.ts";
import { whichNode } from "../which-node.ts";

/** `bv node rollback`. */
export async function rollbackNode({ out, args, signal }: Call<object, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const title = `Rolling back ${node}`;
  const end = await followOperation(daemon, out, "RollbackNode", { node }, { title, signal });
  if (end.kind !== "done") return;
  out.line(`Rolled back node \`${end.node.id}\` to ${end.node.image.version}`);
  out.document({ node: end.node });
}
