import { watch } from "node:fs";
import { type Batch, type Cursor, readLines } from "./stream.ts";

const POLL_MS = 1_000;
/** A line without a newline is shown when nothing more came for this long. */
const PARTIAL_AFTER_MS = 500;

/**
 * Batches of a log from a cursor on; with `follow`, also what is printed from now on, through rotation and through the job's
 * further runs, until `signal` ends it.
 */
export async function* readLog(
  folder: string,
  after: Cursor,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const changes = follow ? watchFolder(folder, signal) : undefined;
  let cursor = after;
  try {
    for (let partial = !follow; !signal.aborted; ) {
      const batch = await readLines(folder, cursor, partial);
      const moved = batch.next.run !== cursor.run || batch.next.offset !== cursor.offset;
      cursor = batch.next;
      if (moved) {
        partial = !follow;
        yield batch;
      } else if (changes === undefined) return;
      // A line that is still growing is held back until it is complete, or the job pauses.
      else if (!partial) partial = await changes.quiet(PARTIAL_AFTER_MS);
      else partial = !(await changes.next(POLL_MS));
    }
  } finally {
    changes?.close();
  }
}

type Changes = {
  /** Waits for a change, for at most `ms`; true if there was one. */
  next(ms: number): Promise<boolean>;
  /** The reverse: true if nothing changed. */
  quiet(ms: number): Promise<boolean>;
  close(): void;
};

function watchFolder(folder: string, signal: AbortSignal): Changes {
  let dirty = false;
  let wake: (() => void) | undefined;
  const notice = (): void => {
    dirty = true;
    wake?.();
  };
  const wait = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        wake = undefined;
        const changed = dirty;
        dirty = false;
        resolve(changed);
      };
      const timer = setTimeout(done, ms);
      wake = done;
      if (dirty || signal.aborted) done();
    });
  signal.addEventListener("abort", notice, { once: true });
  // Without inotify (its instances are limited per user) the poll alone has to do.
  const watcher = openWatcher(folder, notice);
  return {
    next: wait,
    quiet: async (ms) => !(await wait(ms)),
    close: () => {
      signal.removeEventListener("abort", notice);
      watcher?.close();
    },
  };
}

function openWatcher(folder: string, notice: () => void): { close(): void } | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, notice);
    watcher.on("error", notice);
    return watcher;
  } catch {
    return undefined;
  }
}
