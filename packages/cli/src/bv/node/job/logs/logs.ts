import type { JobLogLineJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../../command/verb.ts";
import { isAway, whileAway } from "../../../../daemon/away.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { Failure } from "../../../../failure/failure.ts";
import { whichNode } from "../../which-node.ts";
import { LogPrinter } from "./log-printer.ts";
import { showProgressBelow } from "./progress-below.ts";
import type { LogsOptions } from "./verb.ts";

const defaultLines = 100;

/**
 * `bv node job logs`: through the daemon, which reads them safely (DB-2.6). Lines of several jobs carry the job's name.
 * With `--format json` each line is an event of its own. What is followed goes on where it was when the daemon is replaced.
 */
export async function jobLogs(call: Call<LogsOptions, [job?: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  const job = args[0] ?? "";
  const follow = Boolean(options.follow ?? options.f);
  if (options.previous && job === "") throw new Failure("usage", "--previous needs the name of a job");
  const lines = options.lines ?? options.n;
  const request = {
    node,
    job,
    follow,
    // Everything of a time or a run is wanted, unless a number says otherwise.
    lines: lines ?? (options.since || options.previous ? 0 : defaultLines),
    ...(options.since ? { since: options.since } : {}),
    ...(options.timestamps ? { timestamps: true } : {}),
    ...(options.previous ? { run: "-1" } : {}),
  };
  const printer = new LogPrinter(out, job === "");
  const bar = follow && job !== "" ? showProgressBelow(out, daemon, { node, job }, signal) : undefined;
  const after: Record<string, string> = {};
  const untimed = new Set<string>();
  const noticeUntimed = (name: string): void => {
    const effect = options.since ? "--since shows whole files of its log" : "--timestamps shows nothing";
    if (!(options.since || options.timestamps) || untimed.has(name)) return;
    untimed.add(name);
    const message = `job '${name}' does not note when it prints, so ${effect}; set log_timestamp in its definition`;
    out.warn({ code: "BV001", message });
  };
  const read = async (): Promise<void> => {
    for await (const line of daemon.stream("StreamJobLogs", { ...request, after }, { signal })) {
      if (line.next !== undefined) after[line.job ?? job] = line.next;
      bar?.clear();
      if (line.time === undefined) noticeUntimed(line.job ?? job);
      printer.print({ ...line, job: line.job ?? job });
      bar?.draw();
    }
  };
  const look = () =>
    job ? daemon.call("GetJob", { node, job }, { signal }) : daemon.call("ListJobs", { node }, { signal });
  try {
    // Only what was there once is waited for: a daemon that does not run is an error to begin with.
    if (follow) await look();
    await readOn(read, follow, look, signal);
  } catch (error) {
    // Following ends with Ctrl-C; that is how it is meant to end.
    if (!signal.aborted) throw unknownJob(error, job);
  } finally {
    bar?.end();
    printer.end();
  }
}

async function readOn(
  read: () => Promise<void>,
  follow: boolean,
  look: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!follow || signal.aborted || !isAway(error)) throw error;
      await whileAway(look, signal);
    }
  }
}

export type NamedLine = JobLogLineJson & { readonly job: string };

function unknownJob(error: unknown, job: string): unknown {
  if (!job || !(error instanceof Failure) || error.kind !== "node-not-found") return error;
  if (!error.message.includes("job")) return error;
  return new Failure("node-not-found", `No logs for '${job}' job found!`, { hint: "`bv node job ls` lists the jobs" });
}
