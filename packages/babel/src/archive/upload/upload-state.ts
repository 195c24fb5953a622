import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureFolder } from "../../files/durable.ts";
import type { Chunk } from "../format/chunk.ts";
import { Journal } from "../journal.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { loadPlan, type Plan, savePlan } from "./plan-file.ts";
import { uploadIdOf } from "./upload-id.ts";

/** A chunk whose object is stored. */
export type StoredPart = Pick<Chunk, "key" | "size" | "checksum" | "codec"> & {
  /** sha256 of the uncompressed bytes, hex. */
  readonly content: string;
};

/** `print` is what the chunk was made of: another print is another chunk. */
type Record =
  | { readonly t: "up"; readonly slot: string; readonly print: string; readonly part: StoredPart }
  | { readonly t: "id"; readonly print: string; readonly id: string }
  | { readonly t: "bad"; readonly slot: string }
  | { readonly t: "publishing"; readonly content?: string };

/**
 * State of an upload below `/blockjoy/.babel_jobs/<job>/`: `plan`, `journal` with what is stored, and `upload-id`. What is stored counts as long as the
 * files it was made of are what they were. (§9.2)
 */
export class UploadState {
  readonly folder: string;
  /** Whose reservation it is: whoever goes on in this folder. (D6-03) */
  readonly uploadId: string;
  readonly #lock: FolderLock;
  #journal: Journal<Record>;
  /** By slot: the number of the chunk, or its id. */
  readonly #stored: Map<string, { readonly print: string; readonly part: StoredPart }>;
  readonly #ids: Map<string, string>;
  plan: Plan | undefined;
  /** The version may have been published already, with this content. */
  publishing: string | undefined;

  private constructor(
    { folder, uploadId, lock }: { readonly folder: string; readonly uploadId: string; readonly lock: FolderLock },
    plan: Plan | undefined,
    journal: Journal<Record>,
    records: Records,
  ) {
    this.folder = folder;
    this.uploadId = uploadId;
    this.#lock = lock;
    this.plan = plan;
    this.#journal = journal;
    this.#stored = records.stored;
    this.#ids = records.ids;
    this.publishing = records.publishing;
  }

  /** @throws TransferFault if another process works in the folder */
  static async open(folder: string): Promise<UploadState> {
    await ensureFolder(folder);
    const lock = await lockFolder(folder);
    try {
      // Prepared chunks of an earlier attempt: nothing says whether they reached the disk.
      await rm(join(folder, "spool"), { recursive: true, force: true });
      await ensureFolder(join(folder, "spool"), 0o700);
      const uploadId = await uploadIdOf(folder);
      const records: Records = { stored: new Map(), ids: new Map(), publishing: undefined };
      const journal = await Journal.open<Record>(join(folder, "journal"), (record) => take(records, record));
      await journal.compact(recordsOf(records));
      return new UploadState({ folder, uploadId, lock }, await loadPlan(join(folder, "plan")), journal, records);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Begins anew: nothing that an earlier plan stored counts, it may have been another version. */
  async begin(plan: Plan): Promise<void> {
    await this.#journal.close();
    await rm(join(this.folder, "journal"), { force: true });
    this.#journal = await Journal.open<Record>(join(this.folder, "journal"), () => undefined);
    this.#stored.clear();
    this.#ids.clear();
    this.publishing = undefined;
    await this.decide(plan);
  }

  /** Plans again; what is stored already is kept as far as it fits. */
  async decide(plan: Plan): Promise<void> {
    await savePlan(join(this.folder, "plan"), plan);
    this.plan = plan;
  }

  stored(slot: string, print: string): StoredPart | undefined {
    const found = this.#stored.get(slot);
    return found?.print === print ? found.part : undefined;
  }

  async noteStored(slot: string, print: string, part: StoredPart): Promise<void> {
    await this.#journal.append({ t: "up", slot, print, part });
    this.#stored.set(slot, { print, part });
  }

  /** The store says it has nothing of the kind. */
  async noteBad(slot: string): Promise<void> {
    await this.#journal.append({ t: "bad", slot });
    this.#stored.delete(slot);
  }

  id(print: string): string | undefined {
    return this.#ids.get(print);
  }

  async noteId(print: string, id: string): Promise<void> {
    await this.#journal.append({ t: "id", print, id });
    this.#ids.set(print, id);
  }

  async notePublishing(content: string): Promise<void> {
    await this.#journal.append({ t: "publishing", content });
    this.publishing = content;
  }

  spoolPath(name: string): string {
    return join(this.folder, "spool", name);
  }

  async close(): Promise<void> {
    try {
      await this.#journal.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** There is nothing to go on with any more. */
  async forget(): Promise<void> {
    await rm(join(this.folder, "plan"), { force: true });
    await this.#journal.close();
    await rm(join(this.folder, "journal"), { force: true });
    await rm(join(this.folder, "spool"), { recursive: true, force: true });
  }
}

type Records = {
  readonly stored: Map<string, { readonly print: string; readonly part: StoredPart }>;
  readonly ids: Map<string, string>;
  publishing: string | undefined;
};

/** The shortest journal that says the same. */
function* recordsOf({ stored, ids, publishing }: Records): Generator<Record> {
  for (const [slot, { print, part }] of stored) yield { t: "up", slot, print, part };
  for (const [print, id] of ids) yield { t: "id", print, id };
  if (publishing !== undefined) yield { t: "publishing", content: publishing };
}

function take(records: Records, record: Record): void {
  if (record.t === "up") records.stored.set(record.slot, { print: record.print, part: record.part });
  if (record.t === "bad") records.stored.delete(record.slot);
  if (record.t === "id") records.ids.set(record.print, record.id);
  if (record.t === "publishing") records.publishing = record.content;
}
