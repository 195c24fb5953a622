import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { RhaiError } from "@blockvisor/rhai";
import type { BridgeMethod, EngineBridge } from "../bindings/bridge.ts";
import { type EngineReply, GATE_CANCEL, GATE_REPLIES, type WorkerMessage } from "./protocol.ts";

/** Answers that cannot change within one call are asked for once. */
const STEADY: ReadonlySet<BridgeMethod> = new Set(["nodeEnv", "nodeParams", "getSecret"]);

const steadyKey = (method: BridgeMethod, args: readonly unknown[]): string => JSON.stringify([method, ...args]);

/** The engine as a script's thread sees it: each call sleeps until the host's loop has answered, the script was given up, or time is over. */
export class BlockingBridge implements EngineBridge {
  readonly gate: Int32Array;
  readonly #replies: MessagePort;
  readonly #post: (message: WorkerMessage) => void;
  #deadline = 0;
  #lastCall = 0;
  readonly #steady = new Map<string, unknown>();

  constructor(gate: Int32Array, replies: MessagePort, post: (message: WorkerMessage) => void) {
    this.gate = gate;
    this.#replies = replies;
    this.#post = post;
  }

  /** Begins a new piece of work. `deadline` in epoch milliseconds. */
  begin(deadline: number): void {
    this.#deadline = deadline;
    this.#steady.clear();
  }

  call(method: BridgeMethod, args: readonly unknown[]): unknown {
    // Before it is asked: a change that fails may have happened all the same.
    if (method === "putSecret") this.#steady.delete(steadyKey("getSecret", args.slice(0, 1)));
    const key = STEADY.has(method) ? steadyKey(method, args) : undefined;
    if (key !== undefined && this.#steady.has(key)) return this.#steady.get(key);
    const value = this.#ask(method, args);
    if (key !== undefined) this.#steady.set(key, value);
    return value;
  }

  sleep(seconds: number): void {
    const end = Date.now() + seconds * 1000;
    for (let left = end - Date.now(); left > 0; left = end - Date.now()) {
      this.#checkTime();
      Atomics.wait(this.gate, GATE_CANCEL, 0, Math.min(left, this.#timeLeft()));
    }
    this.#checkTime();
  }

  #ask(method: BridgeMethod, args: readonly unknown[]): unknown {
    const id = ++this.#lastCall;
    this.#checkTime();
    this.#post({ kind: "engine", id, method, args, deadline: this.#deadline });
    for (;;) {
      // Looked at before the port: an answer that comes in between ends the sleep at once.
      const seen = Atomics.load(this.gate, GATE_REPLIES);
      const reply = this.#take(id);
      this.#checkTime();
      if (reply?.ok) return reply.value;
      if (reply) throw new Error(reply.message);
      Atomics.wait(this.gate, GATE_REPLIES, seen, this.#timeLeft());
    }
  }

  /** The answer to call `id`; answers to calls that were given up are dropped. */
  #take(id: number): EngineReply | undefined {
    for (;;) {
      const received = receiveMessageOnPort(this.#replies);
      if (!received) return undefined;
      const reply = received.message as EngineReply;
      if (reply.id === id) return reply;
    }
  }

  #timeLeft(): number {
    return Math.max(0, this.#deadline - Date.now());
  }

  /** An end that no script can catch. */
  #checkTime(): void {
    if (Atomics.load(this.gate, GATE_CANCEL) === 0 && Date.now() < this.#deadline) return;
    throw new RhaiError("ErrorTerminated", "Script terminated");
  }
}
