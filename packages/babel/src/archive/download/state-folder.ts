import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../../errno.ts";
import { ensureFolder, readBounded, replaceFile, syncFolder } from "../../files/durable.ts";
import { isAlive, type ProcessIdentity, statOf } from "../../process/identity.ts";
import type { Header } from "../format/chunk.ts";
import { headerFromJson, headerToJson } from "../format/manifest-json.ts";
import { Journal } from "../journal.ts";
import { TransferFault } from "../transfer/fault.ts";

/** What a download is to fetch; never changes once it is there. */
export type Plan = {
  readonly archive: string;
  /** Folder that the files are below. */
  readonly destination: string;
  readonly dataVersion: number;
  readonly header: Header;
  /** sha256 of the stored manifest. */
  readonly manifestDigest: string;
};

export type DownloadRecord =
  /** The chunk's destinations are about to be written to. */
  | { readonly t: "start"; readonly i: number }
  /** The chunk is written and verified, but maybe not on the disk yet; `b` is the boot that knows it. */
  | { readonly t: "done"; readonly i: number; readonly b: string }
  /** The first `n` done records are on the disk. */
  | { readonly t: "group"; readonly n: number }
  /** The chunk's data is not what it was. */
  | { readonly t: "lost"; readonly i: number }
  /** What was at the destinations before is gone; with `kept` it is that of a version that was complete, of which much may be the same. */
  | { readonly t: "purged"; readonly kept?: true }
  | { readonly t: "complete"; readonly at: number };

export type Resumed = {
  readonly journal: Journal<DownloadRecord>;
  /** Chunks that need not be fetched, in the order of their done records; the others are open. */
  readonly done: ReadonlySet<number>;
  /** Done records so far: a later group counts on from here. */
  readonly doneRecords: number;
  /** Those of `done` that no group covers. */
  readonly unflushed: ReadonlySet<number>;
  readonly durable: boolean;
  /** Chunks that were written to, maybe partly. */
  readonly started: ReadonlySet<number>;
  readonly purged: boolean;
  readonly kept: boolean;
  readonly complete: boolean;
};

export const BALLAST_BYTES = 1024 * 1024;
const JSON_LIMIT = 1024 * 1024;
/** State of the reference's downloads: what it says cannot be relied upon, for chunks were recorded before their data was there (D4-01, D4-02). */
const OF_REFERENCE = ["download.metadata", "download.chunks", "download.parts"];

/** The folder in which a download keeps how far it is. (§9.2) */
export class StateFolder {
  readonly path: string;
  readonly manifest: string;
  /** While it is read. */
  readonly filesObject: string;
  #marked = false;

  constructor(path: string) {
    this.path = path;
    this.manifest = join(path, "manifest");
    this.filesObject = join(path, "files-object");
  }

  /** Makes this process the only one that works on the download. @throws TransferFault `transient` while another one does: it will end */
  async lease(): Promise<void> {
    await ensureFolder(this.path, 0o755);
    const file = join(this.path, "lease.json");
    const holder = await readJson<ProcessIdentity & { readonly boot: string }>(file);
    const boot = kernelBoot();
    if (holder !== undefined && holder.boot === boot && holder.pid !== process.pid && isAlive(holder)) {
      throw new TransferFault("transient", `job already running (pid ${holder.pid})`);
    }
    const { pid, startTicks } = statOf(process.pid) ?? { pid: process.pid, startTicks: 0 };
    await replaceFile(file, JSON.stringify({ pid, startTicks, boot }));
  }

  async plan(): Promise<Plan | undefined> {
    const json = await readJson<Readonly<Record<string, unknown>>>(join(this.path, "plan.json"));
    if (json?.["v"] !== 1 || json["kind"] !== "download") return undefined;
    try {
      return {
        archive: String(json["archive"]),
        destination: String(json["destination"]),
        dataVersion: Number(json["data_version"]),
        header: headerFromJson(json["header"]),
        manifestDigest: String(json["manifest_digest"]),
      };
    } catch {
      return undefined;
    }
  }

  /** Begins anew: nothing of an earlier plan counts. @param adopted all chunks count as done */
  async begin(plan: Plan, adopted = false): Promise<void> {
    await this.forget();
    if (adopted) await this.#adopt(plan.header.chunks);
    await this.mark();
    const { archive, destination, dataVersion, header, manifestDigest } = plan;
    const json = {
      v: 1,
      kind: "download",
      archive,
      destination,
      data_version: dataVersion,
      header: headerToJson(header),
      manifest_digest: manifestDigest,
      created_at: Date.now(),
      boot_id: kernelBoot(),
    };
    await replaceFile(join(this.path, "plan.json"), JSON.stringify(json), { mode: 0o600 });
  }

  async #adopt(chunks: number): Promise<void> {
    const journal = await Journal.open<DownloadRecord>(join(this.path, "journal"), () => undefined);
    const b = kernelBoot();
    const records = Array.from({ length: chunks }, (_, i) => journal.append({ t: "done", i, b }));
    await Promise.all([journal.append({ t: "purged" }), ...records, journal.append({ t: "group", n: chunks })]);
    await journal.close();
  }

  /** Says that the data is not complete. */
  async mark(): Promise<void> {
    if (this.#marked) return;
    await replaceFile(join(this.path, "INCOMPLETE"), "");
    this.#marked = true;
  }

  isIncomplete(): boolean {
    return existsSync(join(this.path, "INCOMPLETE"));
  }

  async unmark(): Promise<void> {
    this.#marked = false;
    await unlink(join(this.path, "INCOMPLETE")).catch(ignoreMissing);
    await syncFolder(this.path);
  }

  /** Reads how far it is: chunks whose data is on the disk, or was written in this boot, for then the kernel still has it. */
  async resume(chunks: number): Promise<Resumed> {
    const boot = kernelBoot();
    const records: { readonly chunk: number; readonly boot: string }[] = [];
    const lostAt = new Map<number, number>();
    const started = new Set<number>();
    let grouped = 0;
    let purged = false;
    let kept = false;
    let complete: number | undefined;
    const take = (record: DownloadRecord): void => {
      if (record.t === "start") started.add(record.i);
      else if (record.t === "done") records.push({ chunk: record.i, boot: record.b });
      else if (record.t === "group") grouped = Math.max(grouped, record.n);
      else if (record.t === "lost") {
        lostAt.set(record.i, records.length);
        complete = undefined;
      } else if (record.t === "purged") {
        purged = true;
        kept = record.kept === true;
      } else complete = record.at;
    };
    const journal = await Journal.open<DownloadRecord>(join(this.path, "journal"), take, () => this.ballast(false));
    const done = new Map<number, string>();
    const unflushed = new Set<number>();
    for (const [index, record] of records.entries()) {
      const counts = index < grouped || record.boot === boot;
      if (!counts || index < (lostAt.get(record.chunk) ?? 0) || record.chunk >= chunks) continue;
      done.set(record.chunk, record.boot);
      if (index >= grouped) unflushed.add(record.chunk);
    }
    const known = { done: new Set(done.keys()), unflushed, started, purged, kept, complete: complete !== undefined };
    if (await journal.compact(recordsOf({ ...known, done, complete }))) {
      return { journal, ...known, doneRecords: done.size, durable: unflushed.size === 0 };
    }
    return { journal, ...known, doneRecords: records.length, durable: records.length <= grouped };
  }

  /** Nothing that was recorded counts: the download begins anew. */
  async forget(): Promise<void> {
    await rm(join(this.path, "journal"), { force: true });
  }

  /** Room that is kept for the state itself, for when the disk is full. */
  async ballast(keep: boolean): Promise<void> {
    const file = join(this.path, "ballast");
    // Not being able to keep room is what it is kept for.
    if (keep) await writeFile(file, Buffer.alloc(BALLAST_BYTES, 1)).catch(() => rm(file, { force: true }));
    else await rm(file, { force: true });
  }

  /** Everything but what other kinds of jobs keep here, e.g. the record of a one-time job. */
  async remove(): Promise<void> {
    this.#marked = false;
    for (const name of ["plan.json", "manifest", "journal", "INCOMPLETE", "ballast", "lease.json", "client.json"]) {
      await rm(join(this.path, name), { force: true });
    }
    await rm(this.filesObject, { force: true });
    await rm(join(this.path, "from-reference"), { recursive: true, force: true });
    for (const name of await readdir(this.path).catch(() => [])) {
      if (/^\.(plan\.json|manifest|journal|lease\.json|client\.json|INCOMPLETE)\.\d+-[0-9a-z]+\.tmp$/.test(name)) {
        await rm(join(this.path, name), { force: true });
      }
    }
  }
}

type Known = Pick<Resumed, "unflushed" | "started" | "purged" | "kept"> & {
  /** With the boot that knows each. */
  readonly done: ReadonlyMap<number, string>;
  /** When. */
  readonly complete: number | undefined;
};

/** The shortest journal that says the same. */
function* recordsOf({ done, unflushed, started, purged, kept, complete }: Known): Generator<DownloadRecord> {
  if (purged) yield { t: "purged", ...(kept ? { kept: true } : {}) };
  for (const i of started) yield { t: "start", i };
  for (const [i, b] of done) if (!unflushed.has(i)) yield { t: "done", i, b };
  yield { t: "group", n: done.size - unflushed.size };
  for (const [i, b] of done) if (unflushed.has(i)) yield { t: "done", i, b };
  if (complete !== undefined) yield { t: "complete", at: complete };
}

/** What an older babel left is put aside, where `cleanup` finds it: the download begins anew. (D4-20) */
export async function putReferenceStateAside(folder: string, state: StateFolder): Promise<readonly string[]> {
  const aside = join(state.path, "from-reference");
  const found = (await readdir(folder).catch(() => [])).filter((name) => OF_REFERENCE.includes(name));
  if (found.length > 0) await mkdir(aside, { recursive: true });
  for (const name of found) await rename(join(folder, name), join(aside, name));
  return found;
}

/** Boot of the kernel: its page cache is what remembers writes that are not on the disk yet. */
export const kernelBoot = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readBounded(path, JSON_LIMIT);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.toString("utf8")) as T;
  } catch {
    return undefined;
  }
}

const ignoreMissing = (error: unknown): void => {
  if (!isMissing(error)) throw error;
};
