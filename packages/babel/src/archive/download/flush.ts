import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { flushFileSystem } from "../../files/flush.ts";
import { TransferFault } from "../transfer/fault.ts";
import { isKind } from "../transfer/retry.ts";

/** Everything that was written to the file system of a folder is on the disk afterwards. @throws TransferFault `environment`, `cancelled` */
export type FlushFileSystem = (folder: string) => Promise<void>;

/**
 * The flushes of a run, one after the other. The kernel tells of data that the disk did not take once, to whoever asks first: a flush that succeeds
 * after one that failed says nothing about what was written before. So there is none after it. (D4-02)
 */
export class Flushes {
  readonly #flush: FlushFileSystem;
  #last: Promise<void> = Promise.resolve();
  #failure: { readonly cause: unknown } | undefined;

  constructor(flush: FlushFileSystem = flushToDisk) {
    this.#flush = flush;
  }

  /** @throws as the flush that failed */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  /** @throws TransferFault `environment`: what was written since the last flush may be lost, here and in all other folders */
  run(folder: string): Promise<void> {
    const flushed = this.#last.then(async () => {
      this.check();
      await this.#flush(folder).catch((cause: unknown) => {
        if (!isKind(cause, "cancelled")) this.#failure = { cause };
        throw cause;
      });
    });
    this.#last = flushed.catch(() => undefined);
    return flushed;
  }
}

async function flushToDisk(folder: string): Promise<void> {
  const flushed = await flushFileSystem(folder, ownBusybox());
  if (flushed.kind === "interrupted") {
    throw new TransferFault("cancelled", `the flush of ${folder} was interrupted`);
  }
  if (flushed.kind === "failed") {
    throw new TransferFault("environment", `can't flush ${folder} to disk: ${flushed.reason}`);
  }
}

/** Babel's own busybox lies beside the bundle; a run from source uses the system's tool. */
function ownBusybox(): string | undefined {
  const busybox = join(dirname(fileURLToPath(import.meta.url)), "busybox");
  return existsSync(busybox) ? busybox : undefined;
}
