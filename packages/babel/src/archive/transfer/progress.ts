import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monotonicMs } from "./retry.ts";

type Phase = "metadata" | "transfer" | "verify" | "finalize" | "paused";

export type ProgressState = {
  readonly phase: Phase;
  /** `chunks`, or why it waits. */
  readonly message: string;
  readonly chunks: number;
  readonly chunksDone: number;
  /** Uncompressed. */
  readonly bytes: number;
  readonly bytesDone: number;
};

export type ProgressContent = {
  readonly total: number;
  readonly current: number;
  readonly message: string;
  readonly bytes_total: number;
  readonly bytes_done: number;
  readonly bytes_per_sec: number;
  readonly eta_secs?: number;
  readonly phase: Phase;
};

const INTERVAL_MS = 1000;
/** Rates are over this time. */
const WINDOW_MS = 30_000;

/**
 * Writes `progress.json` of the job, once a second at most, without fsync: total, current and message as the reference has them, and bytes,
 * rate and remaining time. (D4-21)
 */
export class ProgressWriter {
  readonly #put: (content: ProgressContent) => Promise<void>;
  #state: ProgressState;
  #samples: readonly { readonly at: number; readonly bytes: number }[] = [];
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param target folder of `progress.json`, or what to do instead of writing it */
  constructor(target: string | ((content: ProgressContent) => Promise<void>), initial: ProgressState) {
    this.#put = typeof target === "string" ? (content) => writeTo(join(target, "progress.json"), content) : target;
    this.#state = initial;
  }

  update(change: Partial<ProgressState>): void {
    this.#state = { ...this.#state, ...change };
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#write();
    }, INTERVAL_MS);
    this.#timer.unref();
    if (this.#samples.length === 0) void this.#write();
  }

  /** Writes the last state. Progress is not worth failing for, e.g. when the disk is full. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#write();
  }

  /** Bytes per second over the last half minute; 0 before it is known. */
  rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < 1) return 0;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at));
  }

  async #write(): Promise<void> {
    await this.#writing;
    const at = monotonicMs();
    const { phase, message, chunks, chunksDone, bytes, bytesDone } = this.#state;
    this.#samples = [...this.#samples, { at, bytes: bytesDone }].filter((sample) => at - sample.at <= WINDOW_MS);
    const rate = this.rate();
    const content: ProgressContent = {
      total: chunks,
      current: chunksDone,
      message,
      bytes_total: bytes,
      bytes_done: bytesDone,
      bytes_per_sec: Math.round(rate),
      ...(rate > 0 ? { eta_secs: Math.ceil((bytes - bytesDone) / rate) } : {}),
      phase,
    };
    this.#writing = this.#put(content).catch(() => undefined);
    await this.#writing;
  }
}

async function writeTo(path: string, content: ProgressContent): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(content));
  await rename(`${path}.new`, path);
}
