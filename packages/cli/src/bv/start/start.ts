import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "../../command/verb.ts";
import { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { infoDocument, infoText } from "../info-text.ts";
import { controlUnit } from "../service-unit.ts";
import type { StartOptions } from "./verb.ts";

const retryMs = 200;

/** `bv start` (host-daemon §2.2, DB-2.8): waits for the nodes to be attached, which can take minutes. */
export async function startService({ out, options, signal }: Call<StartOptions, []>): Promise<void> {
  const daemon = new DaemonClient(out);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.timeout * 1000)]);
  if (!(await answers(daemon))) await controlUnit("start");
  try {
    while (!(await answers(daemon))) await delay(retryMs, undefined, { signal: deadline });
    await attached(daemon, out, deadline);
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error;
    throw new Failure("daemon-unreachable", `blockvisor service did not start: not ready after ${options.timeout} s`, {
      hint: "`journalctl -u blockvisor -fn 50` shows why; --timeout waits longer",
    });
  }
  const info = await daemon.call("GetInfo", {});
  out.line(`blockvisor service started successfully: ${infoText(info)}`);
  out.document(infoDocument(info));
}

export async function answers(daemon: DaemonClient): Promise<boolean> {
  try {
    await daemon.call("GetInfo", {});
    return true;
  } catch (error) {
    if (error instanceof Failure && error.kind === "daemon-unreachable") return false;
    throw error;
  }
}

async function attached(daemon: DaemonClient, out: Output, signal: AbortSignal): Promise<void> {
  const progress = out.progress("Attaching nodes");
  try {
    for await (const { status, nodesTotal = 0, nodesAttached = 0 } of daemon.stream("WatchStatus", {}, { signal })) {
      progress.update(`${nodesAttached} of ${nodesTotal}`);
      if (status !== "SERVICE_STATUS_STARTING") break;
    }
    progress.done();
  } catch (error) {
    progress.failed();
    throw error;
  }
}
