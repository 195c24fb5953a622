import { stat, statfs } from "node:fs/promises";
import { monotonicMs } from "../transfer/retry.ts";
import { BALLAST_BYTES } from "./state-folder.ts";

export type DiskTimes = {
  /** How often free space is looked at. */
  readonly intervalMs: number;
  /** A disk that stays full for so long fails the attempt. */
  readonly patienceMs: number;
  /** Bytes that stay free, besides 1 % of what is downloaded. */
  readonly reserve: number;
};

export const DISK_TIMES: DiskTimes = { intervalMs: 60_000, patienceMs: 6 * 3_600_000, reserve: 1024 ** 3 };

/** Of a state folder that lies elsewhere than the data: a journal has some hundred bytes per chunk. */
const STATE_BYTES = 1024 * 1024;

/** Whether what is still to be written fits, for all downloads of a job together. (D4-11) */
export class DiskSpace {
  readonly #data: string;
  readonly #state: string;
  readonly #times: DiskTimes;
  #shortSince: number | undefined;
  #looked = Number.NEGATIVE_INFINITY;
  #fullUntil = Number.NEGATIVE_INFINITY;

  /** @param data folder of the data @param state folder of the state, maybe of another file system */
  constructor(data: string, state: string, times: DiskTimes = DISK_TIMES) {
    this.#data = data;
    this.#state = state;
    this.#times = times;
  }

  get intervalMs(): number {
    return this.#times.intervalMs;
  }

  /** A write found no room, whatever the numbers say: nothing is written for a while. */
  noteFull(): void {
    this.#fullUntil = monotonicMs() + this.#times.intervalMs;
  }

  /**
   * Looks if it is time to.
   *
   * @param remaining bytes that are still to be written, of `total` @returns undefined while there is room, else what to tell
   */
  async shortage(
    remaining: number,
    total: number,
  ): Promise<{ readonly message: string; readonly hopeless: boolean } | undefined> {
    const at = monotonicMs();
    const full = at < this.#fullUntil;
    if (!full && this.#shortSince === undefined && at - this.#looked < this.#times.intervalMs) return undefined;
    this.#looked = at;
    const needed = remaining === 0 ? 0 : remaining + this.#times.reserve + Math.ceil(total / 100);
    const free = await freeBytes(this.#data);
    const ofState = free >= needed ? await this.#stateShortage() : undefined;
    if (free >= needed && ofState === undefined && !full) {
      this.#shortSince = undefined;
      return undefined;
    }
    this.#shortSince ??= at;
    const hopeless = at - this.#shortSince >= this.#times.patienceMs;
    if (ofState !== undefined) return { message: ofState, hopeless };
    const message = hopeless
      ? `Can't download ${needed} bytes of data while only ${free} available`
      : `waiting for disk space: need ${amount(needed)}, have ${amount(free)}`;
    return { message, hopeless };
  }

  async #stateShortage(): Promise<string | undefined> {
    const [data, state] = await Promise.all([stat(this.#data), stat(this.#state)]);
    if (data.dev === state.dev) return undefined;
    // Without the ballast, which is given up meanwhile, there would be room at once, and none again.
    const needed = STATE_BYTES + (this.#shortSince === undefined ? 0 : BALLAST_BYTES);
    const free = await freeBytes(this.#state);
    if (free >= needed) return undefined;
    return `waiting for disk space in ${this.#state}: need ${amount(needed)}, have ${amount(free)}`;
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function amount(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
