import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { parseArgs } from "node:util";
import { messageOf } from "../../errno.ts";
import { engineClient } from "../../service/engine.ts";
import { ChunkThreads } from "../download/chunk-threads.ts";
import { Download } from "../download/download.ts";
import { runDownloads } from "../download/run-downloads.ts";
import { StateFolder } from "../download/state-folder.ts";
import { engineSource } from "../engine.ts";
import type { Layout } from "../format/chunk.ts";
import type { ArchiveSource } from "../source.ts";
import { TransferFault } from "../transfer/fault.ts";
import { ProgressWriter } from "../transfer/progress.ts";
import { Streams } from "../transfer/streams.ts";
import { type Checking, type Damage, keepSame, verify } from "../verify/verify.ts";
import { FETCH, NodeData } from "./node-data.ts";
import { ParentSource } from "./parent-source.ts";

const VERBS = ["fetch", "verify", "repair", "push"] as const;
type Verb = (typeof VERBS)[number];

type Settings = {
  readonly name: string;
  readonly data: string;
  readonly state: string | undefined;
  /** The data volume of the node that the data are of. */
  readonly mount: string | undefined;
  readonly dataVersion: number | undefined;
  readonly connections: number | undefined;
  readonly bandwidth: number | undefined;
  readonly engineSocket: string | undefined;
  readonly exclude: readonly string[];
  readonly level: number | undefined;
  readonly layout: Layout;
  /** Somebody waits at the other end of stdin. */
  readonly attended: boolean;
  /** Only tell what a push would do. */
  readonly dryRun: boolean;
};

const NOTHING = { phase: "metadata", message: "chunks", chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 } as const;
const USAGE = [
  "usage: babel archive-tool fetch|verify|repair|push --name NAME --data DIR [--state DIR] [--mount DIR] [--data-version N]",
  "  [--max-connections N] [--max-bytes-per-second N] [--engine-socket PATH] [--exclude GLOB]... [--zstd LEVEL] [--layout parts|cas]",
  "  [--dry-run] [--attended]",
].join("\n");
/** Opens the socket; not on the command line, which everybody can read. */
const SECRET = "BABEL_ENGINE_SECRET";

/**
 * An archive and a folder, outside of any node: JSON lines on stdout; what it has to know of the archive it asks an engine's socket, or with lines too,
 * whose answers come on stdin. See README.md. @returns exit status
 */
export async function archiveTool(args: readonly string[]): Promise<number> {
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const [verb, ...rest] = args;
  const settings = settingsOf(rest);
  const transfers = verb === "fetch" || verb === "push";
  const incomplete =
    (transfers && settings?.state === undefined) || (verb === "push" && settings?.engineSocket === undefined);
  if (settings === undefined || !isVerb(verb) || incomplete) {
    console.error(USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  const lines = createInterface({ input: process.stdin });
  if (settings.attended) {
    // Whoever started this was killed: nobody knows any more that somebody works on the data.
    lines.once("close", () => stop.abort());
    process.stdout.on("error", () => stop.abort());
  }
  // Threads and pauses do not keep a process alive, and stdin may be at its end.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const result = await done(verb, settings, lines, say, stop.signal);
    say({ event: "result", ...result });
    return result.kind === "complete" || result.kind === "planned" ? 0 : 1;
  } catch (error) {
    say({ event: "result", kind: "failed", message: messageOf(error) });
    return 1;
  } finally {
    clearInterval(alive);
    lines.close();
  }
}

function done(verb: Verb, settings: Settings, lines: Interface, say: Say, signal: AbortSignal): Promise<Result> {
  const log = (line: string): void => say({ event: "log", line });
  const secret = process.env[SECRET] ?? "";
  const { engineSocket, name } = settings;
  if (verb === "push") return push(settings, secret, say, signal);
  const source =
    engineSocket === undefined
      ? new ParentSource(name, lines, say, signal)
      : engineSource(
          engineClient(engineSocket, () => secret),
          name,
          { signal, log },
        );
  return verb === "fetch"
    ? fetchArchive(settings, source, say, signal)
    : checkArchive(verb, settings, source, say, signal);
}

async function push(settings: Settings, secret: string, say: Say, signal: AbortSignal): Promise<Result> {
  const { connections, bandwidth, dataVersion, level } = settings;
  await requireWhole(settings);
  const wanted = {
    engineSocket: settings.engineSocket ?? "",
    secret,
    storeKey: settings.name,
    folder: resolve(settings.data),
    // Of its own: in that of a fetch it would take the place of what that knows.
    stateFolder: resolve(`${settings.state}-push`),
    exclude: settings.exclude,
    compression: level === undefined ? null : { ZSTD: level },
    layout: settings.layout,
    signal,
    log: (line: string) => say({ event: "log", line }),
  };
  if (settings.dryRun) {
    const { previewUpload } = await import("../upload/preview.ts");
    say({ event: "plan", ...(await previewUpload(wanted)) });
    return { kind: "planned" };
  }
  const progress = progressTo(say);
  try {
    const { pushArchive } = await import("../upload/push.ts");
    const pushed = await pushArchive({
      ...wanted,
      ...(dataVersion === undefined ? {} : { dataVersion }),
      ...(connections === undefined ? {} : { maxConnections: connections }),
      ...(bandwidth === undefined ? {} : { maxBytesPerSecond: bandwidth }),
      report: (change) => progress.update(change),
    });
    const { data_version, total_size, bytesTransferred } = pushed;
    return { kind: "complete", data_version, total_size, bytes_transferred: bytesTransferred };
  } finally {
    await progress.end();
  }
}

/** Half of an archive must not become the newest version of one. */
async function requireWhole({ mount, state = "" }: Settings): Promise<void> {
  const isHalf =
    mount === undefined
      ? new StateFolder(resolve(state)).isIncomplete()
      : (await new NodeData(resolve(mount)).filling()) !== undefined;
  if (!isHalf) return;
  throw new TransferFault(
    "permanent",
    "the data are incomplete: their download was begun and has not finished; finish it first, with `bv archive fetch` or the node's download job",
  );
}

type Say = (line: object) => void;
type Result =
  | {
      readonly kind: "complete";
      readonly data_version: number;
      readonly total_size: number;
      readonly repaired?: number;
      readonly bytes_transferred?: number;
    }
  | { readonly kind: "damaged"; readonly data_version: number; readonly chunks: number }
  | { readonly kind: "absent" }
  | { readonly kind: "planned" }
  | { readonly kind: "failed"; readonly message: string };

async function fetchArchive(settings: Settings, source: ArchiveSource, say: Say, signal: AbortSignal): Promise<Result> {
  const state = new StateFolder(resolve(settings.state ?? ""));
  const context = { settings, source, say, signal, state, adopt: false };
  if (settings.mount === undefined) return fetchInto(context);
  // Where there is nothing to be fetched the data stay what they are.
  if ((await source.version(settings.dataVersion)) === undefined) return { kind: "absent" };
  const node = new NodeData(resolve(settings.mount));
  // What a fetch that was cut knows is worth nothing if the node has worked on its data since.
  if ((await node.filling()) !== FETCH && state.isIncomplete()) await state.remove();
  await node.begin();
  const result = await fetchInto(context);
  if (result.kind === "complete") await node.finish(settings.name, result.data_version, result.total_size);
  return result;
}

/** Over a version that was complete, this or an older one, only what is not as wanted is fetched. */
async function fetchInto(context: Context): Promise<Result> {
  const download = await Download.open(optionsOf(context));
  if (download === undefined) return { kind: "absent" };
  const { open } = download;
  if (!download.kept || open === 0) await download.close();
  else {
    await looking(context, download, (checking) => keepSame(download, checking));
    const line = `${open - download.open} of ${open} chunks are there already`;
    context.say({ event: "log", line });
  }
  return runOne(context);
}

/** The state is temporary: whatever is interrupted is looked at again. */
async function checkArchive(
  verb: "verify" | "repair",
  settings: Settings,
  source: ArchiveSource,
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
  readonly source: ArchiveSource;
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
  keep: true,
  ...(settings.dataVersion === undefined ? {} : { dataVersion: settings.dataVersion }),
  log: (line: string) => say({ event: "log", line }),
});

/** Every chunk that is not what it should be is open afterwards. */
async function check(
  context: Context,
): Promise<
  { readonly damaged: readonly Damage[]; readonly dataVersion: number; readonly totalSize: number } | undefined
> {
  const download = await Download.open(optionsOf(context));
  if (download === undefined) return undefined;
  const { header, dataVersion } = { ...download.plan };
  const damaged: Damage[] = [];
  await looking(context, download, async (checking) => {
    const found = (damage: Damage): void => {
      damaged.push(damage);
      context.say({ event: "damage", ...damage });
    };
    await verify(download, { ...checking, found });
    await download.lose(damaged.map(({ chunk }) => chunk));
  });
  return { damaged, dataVersion, totalSize: header.totalSize };
}

/** With what it takes to look at data on disk, which ends afterwards, as does the download. */
async function looking(
  { settings, say, signal }: Context,
  download: Download,
  look: (checking: Checking) => Promise<void>,
): Promise<void> {
  const threads = new ChunkThreads();
  threads.throttle.limit(settings.bandwidth);
  const { chunks, totalSize: bytes } = download.plan.header;
  const progress = progressTo(say);
  try {
    await look({
      threads,
      connections: () => settings.connections ?? 4,
      signal,
      checked: (chunksDone, bytesDone) => progress.update({ phase: "verify", chunks, chunksDone, bytes, bytesDone }),
    });
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
  const names = [
    "name",
    "data",
    "state",
    "mount",
    "data-version",
    "max-connections",
    "max-bytes-per-second",
    "engine-socket",
    "zstd",
    "layout",
  ] as const;
  const text = { type: "string" } as const;
  const options = Object.fromEntries(names.map((name) => [name, text]));
  const several = { exclude: { type: "string", multiple: true } } as const;
  const flags = { attended: { type: "boolean" }, "dry-run": { type: "boolean" } } as const;
  const { values } = parseArgs({ args: [...args], options: { ...options, ...several, ...flags }, strict: true });
  const word = (name: (typeof names)[number]): string | undefined => {
    const value: unknown = values[name as keyof typeof values];
    return typeof value === "string" ? value : undefined;
  };
  const number = (name: (typeof names)[number]): number | undefined => {
    const value = word(name);
    return value === undefined ? undefined : Number(value);
  };
  const numbers = [number("data-version"), number("max-connections"), number("max-bytes-per-second")];
  if (numbers.some((each) => each !== undefined && !(Number.isSafeInteger(each) && each > 0))) return undefined;
  const [name, data, layout = "parts"] = [word("name"), word("data"), word("layout")];
  if (data === undefined || name === undefined || (layout !== "parts" && layout !== "cas")) return undefined;
  const [dataVersion, connections, bandwidth] = numbers;
  const limits = { dataVersion, connections, bandwidth, level: number("zstd") };
  return {
    name,
    data,
    state: word("state"),
    mount: word("mount"),
    engineSocket: word("engine-socket"),
    exclude: values.exclude ?? [],
    attended: values.attended ?? false,
    dryRun: values["dry-run"] ?? false,
    layout,
    ...limits,
  };
}

const isVerb = (verb: string | undefined): verb is Verb => VERBS.some((each) => each === verb);
