import type { Call } from "../../../../command/verb.ts";
import { DaemonClient } from "../../../../daemon/client.ts";
import { logLineText } from "../../../../daemon/log-line.ts";
import { Failure } from "../../../../failure/failure.ts";
import { whichNode } from "../../which-node.ts";
import type { LogsOptions } from "./verb.ts";

const defaultLines = 100;

/**
 * `bv node job logs`: through the daemon, which reads them safely (DB-2.6). Lines of several jobs carry the job's name.
 * With `--format json` each line is an event of its own.
 */
export async function jobLogs(call: Call<LogsOptions, [job?: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, options.node ?? args[1]);
  const job = args[0] ?? "";
  const request = {
    node,
    job,
    lines: options.lines ?? options.n ?? defaultLines,
    follow: Boolean(options.follow ?? options.f),
  };
  try {
    for await (const line of daemon.stream("StreamJobLogs", request, { signal })) {
      const from = line.job ?? job;
      const text = line.text ?? "";
      const shown = out.foreign(logLineText(line));
      out.line(job ? shown : `${out.paint("cyan", from)}| ${shown}`);
      out.event({ job: from, sequence: Number(line.sequence ?? 0), time: line.time ?? null, text });
    }
  } catch (error) {
    // Following ends with Ctrl-C; that is how it is meant to end.
    if (signal.aborted) return;
    if (job && error instanceof Failure && error.kind === "node-not-found" && error.message.includes("job")) {
      throw new Failure("node-not-found", `No logs for '${job}' job found!`, {
        hint: "`bv node job ls` lists the jobs",
      });
    }
    throw error;
  }
}
