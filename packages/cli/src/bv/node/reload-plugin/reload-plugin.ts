import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { whichNode } from "../which-node.ts";

const reloadTimeoutMs = 120_000;

/** `bv node reload-plugin`; says nothing when all went well (host-daemon §2.2). */
export async function reloadPlugin({ out, args, signal }: Call<object, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { functions = [] } = await daemon.call("ReloadPlugin", { node }, { signal, timeoutMs: reloadTimeoutMs });
  out.document({ functions });
}
