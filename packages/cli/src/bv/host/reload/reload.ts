import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";

/** `bv host reload` (host-daemon DB-1.9). */
export async function hostReload({ out, signal }: Call<object, []>): Promise<void> {
  const { applied = [], needsRestart = [] } = await new DaemonClient(out).call("ReloadConfig", {}, { signal });
  if (applied.length > 0) out.line(`Applied: ${applied.join(", ")}`);
  if (needsRestart.length > 0) {
    out.line(`Only after \`bv stop\` and \`bv start\`, which leave nodes running: ${needsRestart.join(", ")}`);
  }
  if (applied.length === 0 && needsRestart.length === 0) out.line("Nothing has changed");
  out.document({ applied, needs_restart: needsRestart });
}
