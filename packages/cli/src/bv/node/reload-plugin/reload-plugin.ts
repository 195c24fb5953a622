import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { printable } from "../../../output/table.ts";
import { whichNode } from "../which-node.ts";
import type { ReloadOptions } from "./verb.ts";

const reloadTimeoutMs = 120_000;

/** `bv node reload-plugin`; says nothing when all went well and the config is as it was (host-daemon §2.2, plugin-api §1 Do better). */
export async function reloadPlugin(call: Call<ReloadOptions, [node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const request = { node, ...(options.dryRun ? { dryRun: true } : {}) };
  const patience = { signal, timeoutMs: reloadTimeoutMs };
  const { functions = [], changes = [], pending = "" } = await daemon.call("ReloadPlugin", request, patience);
  const done = options.dryRun ? "without --dry-run the node is made so" : "services run by it";
  if (changes.length > 0) {
    out.line(`plugin_config() is not what it was; ${pending || done}:`);
    for (const change of changes) out.line(`  ${printable(change)}`);
  }
  out.document({ functions, changes, pending });
}
