import { RhaiError } from "@blockvisor/rhai";
import type { BridgeMethod, EngineBridge } from "../bindings/bridge.ts";
import { clock } from "./clock.ts";
import { FrameError } from "./frame.ts";
import type { Heard, HostLine } from "./host-line.ts";
import type { WorkerMessage } from "./protocol.ts";
import { Recent } from "./recent.ts";

/** Answers that cannot change within one call are asked for once. */
const STEADY: ReadonlySet<BridgeMethod> = new Set(["nodeEnv", "nodeParams", "getSecret"]);

/** Failures of which the code can be asked for. */
const MOST_FAILURES = 64;

const steadyKey = (method: BridgeMethod, args: readonly unknown[]): string => JSON.stringify([method, ...args]);

/** The engine as a script sees it: each call waits until the host has answered, the script was given up, or time is over. */
export class BlockingBridge implements EngineBridge {
  /** Element 0 is non-zero once the work was given up. */
  readonly cancelled = new Int32Array(1);
  readonly #host: HostLine;
  #deadline = 0;
  #now: number | null = null;
  #lastCall = 0;
  readonly #steady = new Map<string, unknown>();
  #codes = new Recent<string, string>(MOST_FAILURES);

  constructor(host: HostLine) {
    this.#host = host;
  }

  /** Begins a new piece of work. `deadline`: a reading of `clock`; `now`: where time stands still for it, in epoch milliseconds. */
  begin(deadline: number, now: number | null): void {
    this.#deadline = deadline;
    this.#now = now;
    this.cancelled[0] = 0;
    this.#steady.clear();
    this.#codes = new Recent(MOST_FAILURES);
  }

  /** The rest of the work has a deadline of its own. */
  limit(deadline: number): void {
    this.#deadline = deadline;
    this.#steady.clear();
  }

  call(method: BridgeMethod, args: readonly unknown[]): unknown {
    // Before it is asked: a change that fails may have happened all the same.
    if (method === "putSecret") this.#steady.delete(steadyKey("getSecret", args.slice(0, 1)));
    const key = STEADY.has(method) ? steadyKey(method, args) : undefined;
    if (key !== undefined && this.#steady.has(key)) return this.#steady.get(key);
    const bytesAt = args.findIndex((arg) => arg instanceof Uint8Array);
    const bytes = args[bytesAt] as Uint8Array | undefined;
    const rest = args.map((arg) => (arg instanceof Uint8Array ? null : arg));
    const question = { method, args: rest, bytesAt: bytes ? bytesAt : null, timeLeft: finite(this.#timeLeft()) };
    const value = this.#ask((id) => ({ kind: "engine", id, ...question }), bytes);
    if (key !== undefined) this.#steady.set(key, value);
    return value;
  }

  failureCode(message: string): string | undefined {
    return this.#codes.has(message) ? this.#codes.use(message, () => "") : undefined;
  }

  now(): number {
    return this.#now ?? Date.now();
  }

  sleep(seconds: number): void {
    const ms = Math.min(seconds * 1000, this.#timeLeft());
    this.#ask((id) => ({ kind: "sleep", id, ms }), undefined);
    this.#checkTime();
  }

  #ask(question: (id: number) => WorkerMessage, bytes: Uint8Array | undefined): unknown {
    const id = ++this.#lastCall;
    this.#checkTime();
    try {
      this.#host.post(question(id), bytes);
    } catch (error) {
      if (error instanceof FrameError) throw new Error(`the request is too large: ${error.message}`);
      throw error;
    }
    const { message, bytes: answer } = this.#replyTo(id);
    if (message.kind !== "reply" || message.outcome === "late") throw terminated();
    if (message.outcome === "failed") {
      const { code } = message;
      this.#codes.forget(message.message);
      if (code !== undefined) this.#codes.use(message.message, () => code);
      throw new Error(message.message);
    }
    this.#checkTime();
    return answer ?? message.value;
  }

  /** The answer to call `id`, or that there will be none; answers to calls that were given up are dropped. */
  #replyTo(id: number): Heard {
    for (;;) {
      const heard = this.#host.read();
      if (heard.message.kind === "cancel") this.cancelled[0] = 1;
      if (heard.message.kind === "cancel" || (heard.message.kind === "reply" && heard.message.id === id)) return heard;
    }
  }

  #timeLeft(): number {
    return Math.max(0, this.#deadline - clock());
  }

  #checkTime(): void {
    if (this.cancelled[0] !== 0 || clock() >= this.#deadline) throw terminated();
  }
}

/** An end that no script can catch. */
function terminated(): RhaiError {
  return new RhaiError("ErrorTerminated", "Script terminated");
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
