import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { whichNode } from "../which-node.ts";

/** `bv node capabilities` (host-daemon §2.2). */
export async function listCapabilities({ out, args, signal }: Call<object, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { functions = [] } = await daemon.call("ListCapabilities", { node }, { signal });
  for (const name of functions) out.line(name);
  out.document({ functions });
}
