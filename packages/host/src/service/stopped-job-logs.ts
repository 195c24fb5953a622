import type { JobLogLineSchema, StreamJobLogsRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { HostError } from "../errors/host-error.ts";
import { type JobOutput, jobOutput, jobsIn } from "../history/job-output.ts";
import { defaultLines, sequenceOf } from "./job-logs.ts";

type JobLogLine = MessageInitShape<typeof JobLogLineSchema>;

const maxBytes = 8 * 1024 * 1024;
/** Longer lines come in pieces, as babel sends them. */
const longestLine = 64 * 1024;
const newline = 0x0a;

/** The last lines of one job or of all of a node that is stopped, from its root file system. Error `not_found`: the node has no such job. */
export async function* stoppedJobLines(
  rootfs: string,
  { job, lines }: Pick<StreamJobLogsRequest, "job" | "lines">,
): AsyncGenerator<JobLogLine> {
  const names = await jobsIn(rootfs);
  if (job !== "" && !names.includes(job)) throw new HostError("not_found", `No logs for '${job}' job found!`);
  for (const name of job === "" ? names : [job]) {
    const all = (await jobOutput(rootfs, name, maxBytes)).flatMap((output) => [...linesOf(name, output)]);
    yield* all.slice(-(lines || defaultLines));
  }
}

function* linesOf(job: string, { run, offset, content }: JobOutput): Generator<JobLogLine> {
  const at = (index: number): bigint => sequenceOf({ run, offset: offset + BigInt(index) });
  // What was cut off before may have been a part of the first line.
  for (let from = offset > 0n ? content.indexOf(newline) + 1 : 0; from < content.length; ) {
    const found = content.indexOf(newline, from);
    const end = found === -1 ? content.length : found;
    const continued = end - from > longestLine;
    const until = continued ? from + longestLine : end;
    const next = continued || found === -1 ? until : until + 1;
    const text = new TextDecoder().decode(content.subarray(from, until));
    yield { job, text, sequence: at(from), next: at(next), continued };
    from = next;
  }
}
