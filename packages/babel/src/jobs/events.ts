import { appendFile } from "node:fs/promises";
import { readBoundedSync, replaceFile } from "../files/durable.ts";
import { monotonicMs } from "../process/identity.ts";

export type EventKind = "note" | "restart" | "loss";
export type JobEvent = {
  /** Unix milliseconds. */
  readonly at: number;
  readonly monotonicMs: number;
  readonly boot: string;
  readonly kind: EventKind;
  readonly text: string;
};

const KEPT = 1023;
const TEXT_LIMIT = 1024;
const FILE_LIMIT = 8 * 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A job's lifecycle messages, in `events.jsonl`: bounded, and they survive babel. (D3-06) */
export class Events {
  readonly #path: string;
  readonly #boot: string;
  #events: readonly JobEvent[];
  #lines: number;

  private constructor(path: string, boot: string, events: readonly JobEvent[]) {
    this.#path = path;
    this.#boot = boot;
    this.#events = events;
    this.#lines = events.length;
  }

  static async load(path: string, boot: string): Promise<Events> {
    const text = readBoundedSync(path, FILE_LIMIT)?.toString("utf8") ?? "";
    return new Events(path, boot, text.split("\n").flatMap(parseEvent).slice(-KEPT));
  }

  async add(kind: EventKind, text: string): Promise<void> {
    const shortened = text.length <= TEXT_LIMIT ? text : `${text.slice(0, TEXT_LIMIT - 1)}…`;
    const event = { at: Date.now(), monotonicMs: monotonicMs(), boot: this.#boot, kind, text: shortened };
    this.#events = [...this.#events, event].slice(-KEPT);
    this.#lines += 1;
    // A message that cannot be kept (the disk is full) must not keep the job from going on.
    await this.#persist(event).catch(() => undefined);
  }

  async #persist(event: JobEvent): Promise<void> {
    if (this.#lines <= 2 * KEPT) return appendFile(this.#path, `${JSON.stringify(event)}\n`);
    this.#lines = this.#events.length;
    await replaceFile(this.#path, this.#events.map((each) => `${JSON.stringify(each)}\n`).join(""));
  }

  /** Events of the last 24 hours, newest first. */
  recent(): readonly JobEvent[] {
    const now = { wall: Date.now(), monotonic: monotonicMs() };
    return this.#events.filter((event) => ageOf(event, this.#boot, now) < DAY_MS).reverse();
  }
}

/** By the monotonic clock within one boot, so that a jump of the wall clock neither hides nor revives anything. (D3-19) */
function ageOf(event: JobEvent, boot: string, now: { readonly wall: number; readonly monotonic: number }): number {
  const sameKernel = event.boot.split("/")[0] === boot.split("/")[0];
  return sameKernel ? now.monotonic - event.monotonicMs : now.wall - event.at;
}

function parseEvent(line: string): readonly JobEvent[] {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === "object" && event !== null && "text" in event && "at" in event ? [event as JobEvent] : [];
  } catch {
    return []; // the last line may be half written
  }
}

/** `2025-01-31 12:00:00.123 +00:00| text` in the node's local time. (§3.6) */
export function formatEvent(event: JobEvent): string {
  return `${localTime(event.at)}| ${event.text}`;
}

function localTime(at: number): string {
  const shift = -new Date(at).getTimezoneOffset();
  const local = new Date(at + shift * 60_000).toISOString();
  const sign = shift < 0 ? "-" : "+";
  const zone = `${sign}${two(Math.floor(Math.abs(shift) / 60))}:${two(Math.abs(shift) % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 23)} ${zone}`;
}

const two = (value: number): string => String(value).padStart(2, "0");
