import { join } from "node:path";
import * as pb from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";

import { invalid } from "../failure.ts";
import type { Job } from "../jobs/job.ts";
import type { Registry } from "../jobs/registry.ts";
import { readLog } from "../logs/follow.ts";
import { type Batch, type Cursor, type Line, sinceCursor, tailCursor } from "../logs/stream.ts";
import { merged } from "./merged.ts";
import { millisecondsOf, timestampOf } from "./timestamp.ts";

const DEFAULT_TAIL = 100;
const TAIL_LIMIT = 100_000;

/** Logs of one job or of all; each job by itself is without gap or repeat, between jobs there is no order. */
export function readJobLogs(
  jobs: Registry,
  request: pb.ReadJobLogsRequest,
  signal: AbortSignal,
): AsyncIterable<pb.ReadJobLogsResponse> {
  const wanted = request.names.length === 0 ? jobs.list() : request.names.map((name) => jobs.get(name, "no logs"));
  if (request.after !== undefined && wanted.length !== 1) {
    throw invalid("log-cursor-ambiguous", "a cursor belongs to one job; name exactly one");
  }
  const end = new AbortController();
  const unsubscribe = jobs.subscribe(() => {
    if (wanted.every((job) => jobs.find(job.name) === undefined)) end.abort();
  });
  const either = AbortSignal.any([signal, end.signal]);
  return merged(
    wanted.map((job) => jobLog(job, request, either)),
    unsubscribe,
  );
}

async function* jobLog(
  job: Job,
  request: pb.ReadJobLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<pb.ReadJobLogsResponse> {
  const folder = join(job.folder, "log");
  const since = request.since && millisecondsOf(request.since);
  const from = await startOf(folder, request, since);
  for await (const batch of readLog(folder, from, request.follow, signal)) {
    const lines = batch.lines.filter((line) => wantedLine(line, request, since));
    if (request.run !== undefined && batch.next.run > Number(request.run)) return;
    const timestamps = request.timestamps ?? job.config.log_timestamp === true;
    if (lines.length > 0 || batch.skipped > 0) yield message(job.name, { ...batch, lines }, timestamps);
  }
}

async function startOf(folder: string, request: pb.ReadJobLogsRequest, since: number | undefined): Promise<Cursor> {
  if (request.after) return { run: Number(request.after.run), offset: Number(request.after.offset) };
  const run = request.run === undefined ? undefined : Number(request.run);
  if (run !== undefined && request.tailLines === undefined) return { run, offset: 0 };
  if (request.tailLines === undefined && since !== undefined) return sinceCursor(folder, since);
  return tailCursor(folder, Math.min(request.tailLines ?? DEFAULT_TAIL, TAIL_LIMIT), run);
}

function wantedLine(line: Line, request: pb.ReadJobLogsRequest, since: number | undefined): boolean {
  if (request.run !== undefined && line.at.run !== Number(request.run)) return false;
  return since === undefined || line.time === undefined || line.time >= since;
}

function message(name: string, batch: Batch, timestamps: boolean): pb.ReadJobLogsResponse {
  return create(pb.ReadJobLogsResponseSchema, {
    name,
    next: cursorMessage(batch.next),
    skippedBytes: BigInt(batch.skipped),
    lines: batch.lines.map((line) => ({
      at: cursorMessage(line.at),
      text: line.text,
      continued: line.continued,
      ...(timestamps && line.time !== undefined ? { time: timestampOf(line.time) } : {}),
    })),
  });
}

const cursorMessage = (cursor: Cursor): pb.LogCursor =>
  create(pb.LogCursorSchema, { run: BigInt(cursor.run), offset: BigInt(cursor.offset) });
