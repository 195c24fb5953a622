import { stat } from "node:fs/promises";
import { readBounded } from "../files/durable.ts";

/** What a job says about how far it is; the unit is the job's own. (§3.10, D3-22) */
export type Progress = {
  readonly total?: number;
  readonly current: number;
  readonly message: string;
  /** Units per second over the last minute. */
  readonly rate?: number;
  readonly etaSeconds?: number;
};

const LIMIT = 4096;
const WINDOW_MS = 60_000;

type Sample = { readonly at: number; readonly current: number };

/** Reads a job's `progress.json`, and derives rate and remaining time from how it changed. */
export class ProgressFile {
  readonly #path: string;
  #samples: readonly Sample[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Progress | undefined> {
    const text = await readBounded(this.#path, LIMIT).catch(() => undefined);
    const progress = text === undefined ? undefined : parseProgress(text.toString("utf8"));
    if (progress === undefined) return undefined;
    const at = await stat(this.#path).then(
      (stats) => stats.mtimeMs,
      () => Date.now(),
    );
    this.#note({ at, current: progress.current });
    const rate = this.#rate();
    if (rate === undefined) return progress;
    const left = progress.total === undefined ? undefined : progress.total - progress.current;
    const etaSeconds = left !== undefined && left >= 0 && rate > 0 ? left / rate : undefined;
    return { ...progress, rate, ...(etaSeconds === undefined ? {} : { etaSeconds }) };
  }

  #note(sample: Sample): void {
    const last = this.#samples.at(-1);
    // Going backwards means a new run: what was measured before says nothing about it.
    if (last !== undefined && (sample.current < last.current || sample.at < last.at)) this.#samples = [];
    else if (last?.at === sample.at) return;
    this.#samples = [...this.#samples, sample].filter((each) => sample.at - each.at <= WINDOW_MS).slice(-120);
  }

  #rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < 1) return undefined;
    return ((last.current - first.current) * 1000) / (last.at - first.at);
  }
}

/** Accepts floats, a missing total, and a message alone; anything else is no progress. */
function parseProgress(text: string): Progress | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { total, current, message } = value as Readonly<Record<string, unknown>>;
  if (!isAmount(current) && typeof message !== "string") return undefined;
  return {
    ...(isAmount(total) && total > 0 ? { total } : {}),
    current: isAmount(current) ? current : 0,
    message: typeof message === "string" ? message : "",
  };
}

const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;
