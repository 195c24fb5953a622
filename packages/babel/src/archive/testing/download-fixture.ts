import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { DownloadOptions } from "../download/download.ts";
import { type Environment, type Outcome, runDownloads } from "../download/run-downloads.ts";
import { StateFolder } from "../download/state-folder.ts";
import type { ArchiveSource } from "../source.ts";
import { ProgressWriter } from "../transfer/progress.ts";
import { Streams } from "../transfer/streams.ts";
import { FaultyStore } from "./faulty-store.ts";

/** Times that make faults pass quickly. */
export const QUICK = {
  most: 2,
  retry: { baseMs: 5, capMs: 50, patienceMs: 20_000, corruptRetries: 3 },
  stall: { windowMs: 200, bytesPerSecond: 1024 },
} as const;

/** A store, a folder for data and one for state, and a way to download from one to the other. */
export class DownloadFixture {
  readonly store: FaultyStore;
  readonly folder: string;
  readonly log: string[] = [];
  readonly reasons: string[] = [];

  private constructor(store: FaultyStore, folder: string) {
    this.store = store;
    this.folder = folder;
  }

  static async make(t: TestContext, parent = tmpdir()): Promise<DownloadFixture> {
    const store = await FaultyStore.start();
    const folder = await mkdtemp(join(parent, "babel-download-"));
    t.after(async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    });
    return new DownloadFixture(store, folder);
  }

  get data(): string {
    return join(this.folder, "data");
  }
  get state(): StateFolder {
    return new StateFolder(join(this.folder, ".babel_jobs/download"));
  }

  async download(
    source: ArchiveSource,
    options: Partial<Environment> & { readonly download?: Partial<DownloadOptions> } = {},
  ): Promise<Outcome> {
    const nothing = { phase: "metadata", message: "chunks", chunks: 0, chunksDone: 0, bytes: 0, bytesDone: 0 } as const;
    const log = (line: string): void => void this.log.push(line);
    const { download, ...environment } = options;
    const wanted = { source, destination: this.data, state: this.state, log, ...download };
    const [outcome] = await runDownloads([wanted], {
      signal: new AbortController().signal,
      log,
      progress: new ProgressWriter(this.folder, nothing),
      streams: new Streams(4),
      followBandwidth: () => undefined,
      threads: QUICK,
      disk: { intervalMs: 60_000, patienceMs: 60_000, reserve: 0 },
      ...environment,
    });
    return outcome!;
  }

  async progress(): Promise<unknown> {
    return JSON.parse(await readFile(join(this.folder, "progress.json"), "utf8"));
  }
}

/** Content of all files below a folder, by path. */
export async function treeOf(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, Buffer>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}
