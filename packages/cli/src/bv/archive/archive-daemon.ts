import { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";

/**
 * The daemon, whom everybody asks for archives who may talk to it (host-daemon DB-2.12). Undefined where none runs that has a control plane:
 * then it takes the host's own login, which is root's. Error `daemon-unreachable` for all others.
 */
export async function archiveDaemon(out: Output): Promise<DaemonClient | undefined> {
  const daemon = new DaemonClient(out);
  try {
    const { devMode, apiUrl } = await daemon.call("GetInfo", {});
    return devMode || !apiUrl ? undefined : daemon;
  } catch (error) {
    if (error instanceof Failure && error.kind === "daemon-unreachable" && process.geteuid?.() === 0) return undefined;
    throw error;
  }
}
