import { lstat } from "node:fs/promises";
import { readBounded } from "../files/durable.ts";

/** What a job says about how far it is; the unit is the job's own. (§3.10, D3-22) */
export type Progress = {
  readonly total?: number;
  readonly current: number;
  readonly message: string;
  /** Units per second over the last minute. */
  readonly rate?: number;
  readonly etaSeconds?: number;
  /** Archive jobs say more. */
  readonly transfer?: TransferProgress;
};

/** Bytes are uncompressed. */
type TransferProgress = {
  readonly bytesTotal: number;
  readonly bytesDone: number;
  readonly bytesPerSecond: number;
  readonly phase: string;
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
    const at = await lstat(this.#path).then(
      (stats) => stats.mtimeMs,
      () => Date.now(),
    );
    this.#note({ at, current: progress.current });
    const rate = this.#rate();
    if (rate === undefined || progress.etaSeconds !== undefined)
      return { ...progress, ...(rate === undefined ? {} : { rate }) };
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
  const { total, current, message, eta_secs, ...rest } = value as Readonly<Record<string, unknown>>;
  const transfer = parseTransfer(rest);
  if (!isAmount(current) && typeof message !== "string") return undefined;
  return {
    ...(isAmount(total) && total > 0 ? { total } : {}),
    current: isAmount(current) ? current : 0,
    message: typeof message === "string" ? message : "",
    ...(transfer === undefined ? {} : { transfer }),
    ...(transfer !== undefined && isAmount(eta_secs) ? { etaSeconds: eta_secs } : {}),
  };
}

function parseTransfer({
  bytes_total,
  bytes_done,
  bytes_per_sec,
  phase,
}: Readonly<Record<string, unknown>>): TransferProgress | undefined {
  if (!isAmount(bytes_total) || !isAmount(bytes_done) || !isAmount(bytes_per_sec)) return undefined;
  return {
    bytesTotal: Math.trunc(bytes_total),
    bytesDone: Math.trunc(bytes_done),
    bytesPerSecond: bytes_per_sec,
    phase: typeof phase === "string" ? phase : "",
  };
}

const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;
