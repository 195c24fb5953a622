import { setTimeout as pause } from "node:timers/promises";
import type { LogLine, ReadJobLogsResponse } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { JobLogLineSchema, StreamJobLogsRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { AgentError, agentErrorOf } from "../agent/agent-error.ts";
import type { AgentLink } from "../agent/agent-link.ts";
import { isRemembered } from "../agent/told-jobs.ts";

type JobLogLine = MessageInitShape<typeof JobLogLineSchema>;
type Cursor = { readonly run: bigint; readonly offset: bigint };

export const defaultLines = 100;
/** How long babel is waited for, again and again, while a log is followed. */
const retryMs = 500;

/**
 * Lines of one job or of all of a node's. While they are followed, jobs that are created join in, and each goes on where it was when
 * babel is replaced or killed: (run, offset) of a byte never changes, so nothing is missing and nothing comes twice.
 */
export async function* jobLogLines(
  link: AgentLink,
  request: StreamJobLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<JobLogLine> {
  if (request.job !== "") {
    yield* linesOf(link, request.job, request, signal);
    return;
  }
  const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), { retry: true });
  const names = jobs.map(({ name }) => name);
  if (!request.follow) {
    for (const name of names) yield* linesWhileThere(link, name, request, signal);
    return;
  }
  yield* followAll(link, names, request, signal);
}

/** Lines as they come, one of each job at a time: whoever reads slowly is not overrun, what waits, waits on disk. */
async function* followAll(
  link: AgentLink,
  names: readonly string[],
  request: StreamJobLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<JobLogLine> {
  const left = new AbortController();
  const both = AbortSignal.any([signal, left.signal]);
  const steps: Step[] = [];
  const followed = new Set<string>();
  let wake = (): void => {};
  const advance = (name: string, source: AsyncGenerator<JobLogLine>): void => {
    const note = (step: Step): void => {
      steps.push(step);
      wake();
    };
    source.next().then(
      (result) => note({ name, source, result }),
      (failure: unknown) => note({ name, source, failure }),
    );
  };
  const begin = (name: string): void => {
    if (followed.has(name) || !isRemembered(followed, name)) return;
    followed.add(name);
    advance(name, linesWhileThere(link, name, request, both));
  };
  for (const name of names) begin(name);
  void newJobs(link, both, begin);
  const stop = (): void => wake();
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!signal.aborted) {
      const step = steps.shift();
      if (step === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if ("failure" in step) throw step.failure;
      // The job was deleted; one of that name may be created again.
      else if (step.result.done) followed.delete(step.name);
      else {
        yield step.result.value;
        advance(step.name, step.source);
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    left.abort();
  }
}

type Step = { readonly name: string; readonly source: AsyncGenerator<JobLogLine> } & (
  | { readonly result: IteratorResult<JobLogLine> }
  | { readonly failure: unknown }
);

async function newJobs(link: AgentLink, signal: AbortSignal, found: (name: string) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { changed } of link.jobs.watchJobs({}, { signal })) for (const { name } of changed) found(name);
    } catch {
      // Babel is away; the logs that are followed say so if it matters.
    }
    await pause(retryMs, undefined, { signal }).catch(() => {});
  }
}

/** One of many: that it was deleted meanwhile ends its lines, not those of the others. */
async function* linesWhileThere(...of: Parameters<typeof linesOf>): AsyncGenerator<JobLogLine> {
  try {
    yield* linesOf(...of);
  } catch (error) {
    if (!(error instanceof AgentError && error.code === "job_not_found")) throw error;
  }
}

async function* linesOf(
  link: AgentLink,
  name: string,
  request: StreamJobLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<JobLogLine> {
  const { follow, lines, since, timestamps } = request;
  const given = request.after[name];
  let after = given === undefined ? undefined : cursorOf(given);
  const run = await runOf(link, name, request.run);
  const whole = run === undefined && since === undefined;
  const start = after !== undefined ? {} : lines > 0 || whole ? { tailLines: lines || defaultLines } : {};
  for (;;) {
    try {
      const common = {
        names: [name],
        follow,
        ...(timestamps === undefined ? {} : { timestamps }),
        ...(run === undefined ? {} : { run }),
        ...(since === undefined ? {} : { since }),
      };
      const position = after === undefined ? start : { after };
      for await (const batch of link.jobs.readJobLogs({ ...common, ...position }, { signal })) {
        yield* messages(batch);
        after = batch.next;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      const failed = agentErrorOf(error, "read_job_logs", signal);
      // A babel that is killed takes its streams along: they end as if somebody had cancelled them.
      if (!follow || !(failed.unreachable || failed.code === "cancelled")) throw failed;
      await pause(retryMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }
}

/** `-1` is the run before the current or last one. */
async function runOf(link: AgentLink, name: string, run: bigint | undefined): Promise<bigint | undefined> {
  if (run === undefined || run > 0n) return run;
  const { job } = await link.call("job_info", (options) => link.jobs.getJob({ name }, options), { retry: true });
  const before = (job?.run?.number ?? 0n) + run;
  return before > 0n ? before : 0n;
}

function* messages({ name, lines, next, skippedBytes }: ReadJobLogsResponse): Generator<JobLogLine> {
  for (const [index, line] of lines.entries()) {
    const after = lines[index + 1]?.at ?? next ?? line.at;
    const skipped = index === 0 && skippedBytes > 0n ? { skippedBytes } : {};
    yield { ...message(name, line), next: sequenceOf(after), ...skipped };
  }
}

function message(job: string, { at, text, time, continued }: LogLine): Exclude<JobLogLine, { $typeName: string }> {
  return { job, sequence: sequenceOf(at), text: new TextDecoder().decode(text), continued, ...(time ? { time } : {}) };
}

/** Runs of a job count up, and so does the offset within one: together they grow with every line. A run may print a terabyte. */
export const sequenceOf = (cursor: Cursor | undefined): bigint => ((cursor?.run ?? 0n) << 40n) + (cursor?.offset ?? 0n);
const cursorOf = (sequence: bigint): Cursor => ({ run: sequence >> 40n, offset: sequence & ((1n << 40n) - 1n) });
