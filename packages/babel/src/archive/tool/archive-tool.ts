import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { messageOf } from "../../errno.ts";
import { ChunkThreads } from "../download/chunk-threads.ts";
import { Download } from "../download/download.ts";
import { runDownloads } from "../download/run-downloads.ts";
import { StateFolder } from "../download/state-folder.ts";
import { ProgressWriter } from "../transfer/progress.ts";
import { Streams } from "../transfer/streams.ts";
import { type Damage, verify } from "../verify/verify.ts";
import { ParentSource } from "./parent-source.ts";

const VERBS = ["fetch", "verify", "repair"] as const;
type Verb = (typeof VERBS)[number];

type Settings = {
  readonly name: string;
  readonly data: string;
  readonly state: string | undefined;
  readonly dataVersion: number | undefined;
  readonly connections: number | undefined;
  readonly bandwidth: number | undefined;
};

const NOTHING = { phase: "metadata", message: "chunks", chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 } as const;
const USAGE =
  "usage: babel archive-tool fetch|verify|repair --name NAME --data DIR [--state DIR] [--data-version N] [--max-connections N] [--max-bytes-per-second N]";

/** An archive and a folder, outside of any node: JSON lines on stdout, answers on stdin. See README.md. @returns exit status */
export async function archiveTool(args: readonly string[]): Promise<number> {
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const [verb, ...rest] = args;
  const settings = settingsOf(rest);
  if (settings === undefined || !isVerb(verb) || (verb === "fetch" && settings.state === undefined)) {
    console.error(USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  const lines = createInterface({ input: process.stdin });
  const source = new ParentSource(settings.name, lines, say, stop.signal);
  try {
    const result = await (verb === "fetch"
      ? fetchArchive(settings, source, say, stop.signal)
      : checkArchive(verb, settings, source, say, stop.signal));
    say({ event: "result", ...result });
    return result.kind === "complete" ? 0 : 1;
  } catch (error) {
    say({ event: "result", kind: "failed", message: messageOf(error) });
    return 1;
  } finally {
    lines.close();
  }
}

type Say = (line: object) => void;
type Result =
  | {
      readonly kind: "complete";
      readonly data_version: number;
      readonly total_size: number;
      readonly repaired?: number;
    }
  | { readonly kind: "damaged"; readonly data_version: number; readonly chunks: number }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string };

async function fetchArchive(settings: Settings, source: ParentSource, say: Say, signal: AbortSignal): Promise<Result> {
  const state = new StateFolder(resolve(settings.state ?? ""));
  return runOne({ settings, source, say, signal, state, adopt: false });
}

/** The state is temporary: whatever is interrupted is looked at again. */
async function checkArchive(
  verb: "verify" | "repair",
  settings: Settings,
  source: ParentSource,
  say: Say,
  signal: AbortSignal,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "bv-archive-"));
  const context = { settings, source, say, signal, state: new StateFolder(folder), adopt: true };
  try {
    const checked = await check(context);
    if (checked === undefined) return { kind: "absent" };
    const { damaged, dataVersion, totalSize } = checked;
    if (damaged.length === 0) return { kind: "complete", data_version: dataVersion, total_size: totalSize };
    if (verb === "verify") return { kind: "damaged", data_version: dataVersion, chunks: damaged.length };
    const result = await runOne(context);
    return result.kind === "complete" ? { ...result, repaired: damaged.length } : result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Context = {
  readonly settings: Settings;
  readonly source: ParentSource;
  readonly say: Say;
  readonly signal: AbortSignal;
  readonly state: StateFolder;
  readonly adopt: boolean;
};

const optionsOf = ({ settings, source, say, state, adopt }: Context) => ({
  source,
  destination: resolve(settings.data),
  state,
  adopt,
  ...(settings.dataVersion === undefined ? {} : { dataVersion: settings.dataVersion }),
  log: (line: string) => say({ event: "log", line }),
});

/** Every chunk that is not what it should be is open afterwards. */
async function check(
  context: Context,
): Promise<
  { readonly damaged: readonly Damage[]; readonly dataVersion: number; readonly totalSize: number } | undefined
> {
  const { settings, say, signal } = context;
  const download = await Download.open(optionsOf(context));
  if (download === undefined) return undefined;
  const threads = new ChunkThreads();
  threads.throttle.limit(settings.bandwidth);
  const { header, dataVersion } = { ...download.plan };
  const progress = progressTo(say);
  const damaged: Damage[] = [];
  try {
    await verify(download, {
      threads,
      connections: () => settings.connections ?? 4,
      signal,
      checked: (chunksDone, bytesDone) =>
        progress.update({ phase: "verify", chunks: header.chunks, chunksDone, bytes: header.totalSize, bytesDone }),
      found: (damage) => {
        damaged.push(damage);
        say({ event: "damage", ...damage });
      },
    });
    await download.lose(damaged.map(({ chunk }) => chunk));
    return { damaged, dataVersion, totalSize: header.totalSize };
  } finally {
    await progress.end();
    await threads.end();
    await download.close();
  }
}

async function runOne(context: Context): Promise<Result> {
  const { settings, say, signal } = context;
  const [outcome] = await runDownloads([optionsOf(context)], {
    signal,
    log: (line) => say({ event: "log", line }),
    progress: progressTo(say),
    streams: new Streams(settings.connections),
    followBandwidth: (apply) => apply(settings.bandwidth),
  });
  if (outcome?.kind === "failed") return { kind: "failed", message: messageOf(outcome.error) };
  if (outcome?.kind !== "complete") return { kind: "absent" };
  return { kind: "complete", data_version: outcome.dataVersion, total_size: outcome.totalSize };
}

const progressTo = (say: Say): ProgressWriter =>
  new ProgressWriter(async (content) => say({ event: "progress", ...content }), NOTHING);

function settingsOf(args: readonly string[]): Settings | undefined {
  const names = ["name", "data", "state", "data-version", "max-connections", "max-bytes-per-second"] as const;
  const text = { type: "string" } as const;
  const options = Object.fromEntries(names.map((name) => [name, text]));
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const number = (name: (typeof names)[number]): number | undefined => {
    const value = values[name];
    return value === undefined ? undefined : Number(value);
  };
  const numbers = [number("data-version"), number("max-connections"), number("max-bytes-per-second")];
  if (numbers.some((each) => each !== undefined && !(Number.isSafeInteger(each) && each > 0))) return undefined;
  const { name, data, state } = values;
  if (typeof data !== "string" || typeof name !== "string") return undefined;
  const [dataVersion, connections, bandwidth] = numbers;
  return { name, data, state: typeof state === "string" ? state : undefined, dataVersion, connections, bandwidth };
}

const isVerb = (verb: string | undefined): verb is Verb => VERBS.some((each) => each === verb);
