import { appendFile, readFile, rename, stat } from "node:fs/promises";
import { z } from "zod";

const schema = z.object({
  /** Epoch milliseconds. */
  at: z.number(),
  /** An operation began, did a step, ended, failed; found: the node was not as it should be. */
  kind: z.enum(["begin", "step", "end", "failed", "found"]),
  operation: z.string(),
  /** With `begin`: who brought it about. */
  origin: z.string().exactOptional(),
  step: z.string().exactOptional(),
  message: z.string().exactOptional(),
  code: z.string().exactOptional(),
  /** How long the step or the operation took. */
  ms: z.number().exactOptional(),
});

/** One line of a node's history. */
export type NodeEvent = z.infer<typeof schema>;

/** Each of the two files has at most so many bytes: some thousand events, of which at least the newer half is always there. */
const maxBytes = 256 * 1024;

/**
 * The history of one node, `<node>/events.jsonl`. It survives `kill -9`; the power going off may take its last lines, because it is told what
 * happened and nothing depends on it: that a disk is full must not keep a node from being stopped.
 */
export class EventLog {
  #path: string;
  readonly #onFailure: (error: Error) => void;
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  #writing: Promise<void> = Promise.resolve();
  #size: number | undefined;

  constructor(path: string, onFailure: (error: Error) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
  }

  /** Returns at once; lines are written in order. */
  add(event: Omit<NodeEvent, "at">): void {
    const dated: NodeEvent = { at: Date.now(), ...event };
    this.#writing = this.#writing.then(() => this.#write(`${JSON.stringify(dated)}\n`)).catch(this.#onFailure);
    for (const tell of this.#listeners) tell(dated);
  }

  /** All that is kept, oldest first. */
  read(): Promise<readonly NodeEvent[]> {
    // In turn with the writes: what is added after this call is not among them.
    const reading = this.#writing.then(() => readEvents(this.#path));
    this.#writing = reading.then(() => {});
    return reading;
  }

  /** Until all that was added is there to be read. */
  written(): Promise<void> {
    return this.#writing;
  }

  /** Told of each event from now on, until the returned function is called. */
  listen(tell: (event: NodeEvent) => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Events from now on go to another file, to which the others were copied by `copy`. */
  async moveTo(path: string, copy: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing
      .then(async () => {
        await copy();
        this.#path = path;
        this.#size = undefined;
      })
      .catch(this.#onFailure);
    await this.#writing;
  }

  async #write(line: string): Promise<void> {
    this.#size ??= await stat(this.#path).then(
      ({ size }) => size,
      () => 0,
    );
    if (this.#size > maxBytes) {
      await rename(this.#path, olderOf(this.#path));
      this.#size = 0;
    }
    await appendFile(this.#path, line, { mode: 0o600 });
    this.#size += line.length;
  }
}

/** Events in a file and its predecessor; a line that was torn by a crash is left out. */
export async function readEvents(path: string): Promise<readonly NodeEvent[]> {
  const texts = await Promise.all([olderOf(path), path].map((file) => readFile(file, "utf8").catch(() => "")));
  return texts
    .join("")
    .split("\n")
    .flatMap((line) => {
      try {
        return [schema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}

export function olderOf(path: string): string {
  return path.replace(/\.jsonl$/, ".1.jsonl");
}
