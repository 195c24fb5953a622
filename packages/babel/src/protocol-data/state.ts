import { randomUUID } from "node:crypto";
import { mkdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "../errno.ts";
import { ensureFolder, readBounded, replaceFile, syncFolder } from "../files/durable.ts";

/** How the protocol data came to be, once it is all there. */
export type CompleteRecord = {
  readonly source: string;
  readonly store_key: string;
  readonly data_version: number;
  /** Unix milliseconds. */
  readonly finished_at: number;
  readonly total_size: number;
};

export type ProtocolDataState = {
  /** Unix milliseconds: when a job used the data last; undefined if none ever did. */
  readonly stamp?: number;
  readonly generation: string;
  readonly incomplete: boolean;
  readonly complete?: CompleteRecord;
  /** The data must not be initialised again. */
  readonly initialized: boolean;
};

const LIMIT = 64 * 1024;

/**
 * Three facts about the protocol data, a file each: it was used (the lock), a job that fills it has begun and not finished
 * (the marker), it is complete (the record). One lock for all three took half-downloaded data for complete. (D2-16)
 */
export class ProtocolData {
  readonly #lock: string;
  readonly #marker: string;
  readonly #record: string;
  /** Metadata of jobs that outlives upgrades of the node. */
  readonly folder: string;

  /** @param mount where the node's data volume is, normally `/blockjoy` */
  constructor(mount: string) {
    this.folder = join(mount, ".babel_jobs");
    this.#lock = join(mount, ".protocol_data.lock");
    this.#marker = join(this.folder, "data-incomplete");
    this.#record = join(this.folder, "data-complete.json");
  }

  /** Notes that a job uses the data: new time, new random generation. (D2-17) */
  async touch(): Promise<void> {
    await mkdir(dirname(this.#lock), { recursive: true });
    await replaceFile(this.#lock, `${randomUUID()}\n`, { mode: 0o644 });
  }

  async begin(job: string): Promise<void> {
    await ensureFolder(this.folder);
    await replaceFile(this.#marker, `${job}\n`);
    await remove(this.#record);
  }

  /** The record first: a crash between the two leaves both, and `incomplete` wins. */
  async finish(record: CompleteRecord): Promise<void> {
    await ensureFolder(this.folder);
    await replaceFile(this.#record, JSON.stringify(record));
    await remove(this.#marker);
  }

  /** The job that has begun to fill the data and has not finished, as `begin` was told. */
  async filling(): Promise<string | undefined> {
    return (await readBounded(this.#marker, 256))?.toString("utf8").trimEnd();
  }

  /** What was begun is given up: whoever says so has dealt with the data. */
  async abandon(): Promise<void> {
    await remove(this.#marker);
  }

  async read(): Promise<ProtocolDataState> {
    const [lock, marker, record] = await Promise.all([lockOf(this.#lock), exists(this.#marker), this.#complete()]);
    const incomplete = marker;
    return {
      ...lock,
      incomplete,
      ...(record === undefined ? {} : { complete: record }),
      initialized: !incomplete && (record !== undefined || lock.stamp !== undefined),
    };
  }

  async #complete(): Promise<CompleteRecord | undefined> {
    const text = await readBounded(this.#record, LIMIT);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text.toString("utf8")) as CompleteRecord;
    } catch {
      return undefined;
    }
  }
}

async function lockOf(path: string): Promise<{ readonly stamp?: number; readonly generation: string }> {
  try {
    const { mtimeMs } = await stat(path);
    return { stamp: mtimeMs, generation: (await readBounded(path, 64))?.toString("latin1").trim() ?? "" };
  } catch (error) {
    if (isMissing(error)) return { generation: "" };
    throw error;
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
