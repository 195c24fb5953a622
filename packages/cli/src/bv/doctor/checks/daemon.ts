import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure } from "../../../failure/failure.ts";
import { error, type Finding, ok, warning } from "../finding.ts";

/** Conditions that tell how well nodes are held apart, also when all is well. */
const ISOLATION: ReadonlySet<string> = new Set(["user-ids", "plugins"]);

/** Whether it runs, and what it says itself is not right. */
export async function checkDaemon({
  out,
  signal,
}: Pick<Call<object, []>, "out" | "signal">): Promise<readonly Finding[]> {
  try {
    const info = await new DaemonClient(out).call("GetInfo", {}, { signal });
    const { nodesRunning = 0, nodesTotal = 0, conditions = [] } = info;
    return [
      ok("daemon", `${info.name} ${info.version} runs, with ${nodesRunning} of ${nodesTotal} nodes running`),
      ...conditions
        .filter(({ ok: isOk, name = "" }) => isOk && ISOLATION.has(name))
        .map(({ name, message }) => ok(name ?? "", message ?? "")),
      ...conditions
        .filter((condition) => !condition.ok)
        .map(({ name, message }) =>
          error(`daemon-${name}`, message ?? "", "see `bv status`, and journalctl -u blockvisor"),
        ),
    ];
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (failure.kind !== "daemon-unreachable")
      return [error("daemon", failure.message, failure.details.hint ?? "bv status")];
    return [warning("daemon", "blockvisord does not run", "bv start; or blockvisord --dev for image development")];
  }
}
