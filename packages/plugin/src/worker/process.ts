import { type ChildProcessByStdio, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { BridgeMethod } from "../bindings/bridge.ts";
import type { PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import type { Covered } from "./covered.ts";
import { encodeFrame, type Frame, FrameError, FrameReader } from "./frame.ts";
import {
  type AnyWork,
  type HostMessage,
  MOST_SCRIPTS,
  MOST_TO_HOST,
  MOST_TO_WORKER,
  type ScriptFailure,
  type WorkerMessage,
} from "./protocol.ts";
import { Recent } from "./recent.ts";
import type { WorkerCommand } from "./worker-command.ts";
import { readWorkerMessage, requireOutput } from "./worker-message.ts";

/** Time a script gets to notice that it was given up, before its process is killed. */
const GRACE_MS = 250;

/** The script's own clock only counts where it is busy with itself: then it says where it was. */
const SLACK_MS = 100;

/** Most of what a worker prints that is kept, in characters: the reason of a process that cannot start, or of its end. */
const MOST_PRINTED = 4_096;

/** Longest timeout of Node's timers. */
const LONGEST_MS = 2 ** 31 - 1;

/** `deadline`: epoch milliseconds; the script does not wait longer. */
export type EngineCalls = (method: BridgeMethod, args: readonly unknown[], deadline: number) => Promise<unknown>;

export interface ProcessJob {
  readonly digest: string;
  readonly files: PluginFiles;
  readonly work: AnyWork;
  /** Epoch milliseconds. */
  readonly deadline: number;
  /** Fires when time is over or the caller gives up; its reason is what the job rejects with if the process has to be killed. */
  readonly signal: AbortSignal;
  readonly engine: EngineCalls;
  /** Where time stands still for the script, in epoch milliseconds. */
  readonly now?: number | undefined;
  /** Hears which lines of the script ran; without it nothing is noted. */
  readonly onCovered?: ((covered: Covered) => void) | undefined;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

interface Running {
  readonly job: ProcessJob;
  readonly resolve: (output: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** The call or sleep that the script waits for. */
  asked: { readonly id: number; readonly timer: NodeJS.Timeout | undefined } | undefined;
}

/** One worker process, for one job at a time. What it says is not trusted. One that was ended, or has ended, is of no more use. */
export class PluginProcess {
  readonly #child: Child;
  readonly #gone: Promise<void>;
  readonly #frames = new FrameReader(MOST_TO_HOST);
  /** Digests of the plugins whose files the worker was given. */
  readonly #known = new Recent<string, true>(MOST_SCRIPTS);
  #printed = "";
  #running: Running | undefined;
  #ended = false;
  /** Why the host ended it. */
  #verdict: PluginError | undefined;

  constructor({ argv: [program, ...args], env = {}, id }: WorkerCommand) {
    this.#child = started(() =>
      spawn(program, args, {
        cwd: "/",
        env: { ...env },
        stdio: ["pipe", "pipe", "pipe"],
        ...(id === undefined ? {} : { uid: id, gid: id }),
      }),
    );
    const { stdin, stdout, stderr } = this.#child;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gone = promise;
    this.#child.once("error", (error) => this.#over(`it cannot be started: ${error.message}`, resolve));
    // What it printed comes with its end, or not at all where something else holds its output.
    this.#child.once("exit", (code, signal) => {
      this.#ended = true;
      const over = (): void => this.#over(signal ? `killed by ${signal}` : `exit code ${code}`, resolve);
      const patience = setTimeout(over, GRACE_MS);
      this.#child.once("close", () => {
        clearTimeout(patience);
        over();
      });
    });
    stdin.on("error", () => {});
    stdout.on("data", (chunk: Buffer) => this.#hear(chunk));
    stderr.on("data", (chunk: Buffer) => {
      this.#printed += chunk.toString("latin1", 0, MOST_PRINTED - this.#printed.length);
      if (this.#printed.length >= MOST_PRINTED) stderr.destroy();
    });
    this.#hold(false);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Kills it, and resolves when it is gone. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#hold(true);
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  /** Resolves with the worker's output. Rejects with `PluginError`. */
  run(job: ProcessJob): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let grace: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      this.#forget();
      this.#send({ kind: "cancel" });
      grace = setTimeout(() => void this.end(), GRACE_MS);
    };
    this.#running = { job, resolve, reject, asked: undefined };
    this.#hold(true);
    this.#begin(job);
    if (job.signal.aborted) onAbort();
    else job.signal.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => {
      clearTimeout(grace);
      job.signal.removeEventListener("abort", onAbort);
      this.#forget();
      this.#running = undefined;
      this.#hold(false);
    });
  }

  #begin({ digest, files, work, deadline, now, onCovered }: ProcessJob): void {
    const known = this.#known.has(digest);
    this.#known.use(digest, () => true);
    const timeLeft = deadline - Date.now() + SLACK_MS;
    this.#send({
      kind: "work",
      digest,
      files: known ? null : files,
      work,
      timeLeft: Number.isFinite(timeLeft) ? timeLeft : null,
      now: now ?? null,
      cover: onCovered !== undefined,
    });
  }

  /** Whether it keeps the program running that it works for. */
  #hold(on: boolean): void {
    for (const part of [this.#child, this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      if (part instanceof Socket || part === this.#child) on ? part.ref() : part.unref();
    }
  }

  #hear(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const frame of this.#frames.push(chunk)) this.#obey(frame);
    } catch (error) {
      this.#condemn(new PluginError("PLUGIN_CRASH", `the plugin's process was killed: ${(error as Error).message}`));
    }
  }

  #obey({ message, bytes }: Frame): void {
    const running = this.#running;
    const said = readWorkerMessage(message);
    if (running === undefined) throw new Error("it spoke without being asked");
    // It has not heard yet that it was given up; nothing is done for it any longer.
    const isOver = running.job.signal.aborted && (said.kind === "engine" || said.kind === "sleep");
    if (isOver) return;
    switch (said.kind) {
      case "engine":
        this.#answer(running, said, bytes);
        break;
      case "sleep":
        this.#await(running, said.id, Math.min(Math.max(said.ms, 0), LONGEST_MS), { outcome: "value" });
        break;
      case "done":
        requireOutput(running.job.work, said.output);
        if (said.covered) running.job.onCovered?.(said.covered);
        running.resolve(said.output);
        break;
      case "failed":
        if (said.covered) running.job.onCovered?.(said.covered);
        running.reject(errorOf(said.failure, running.job));
    }
  }

  #answer(running: Running, call: WorkerMessage & { readonly kind: "engine" }, bytes: Uint8Array | undefined): void {
    const left = Math.max(call.timeLeft ?? Number.POSITIVE_INFINITY, 0);
    this.#await(running, call.id, left, { outcome: "late" });
    const args = call.bytesAt === null ? call.args : call.args.with(call.bytesAt, bytes);
    running.job.engine(call.method, args, Date.now() + left).then(
      (value) => this.#reply(running, call.id, { outcome: "value", value }),
      (error: unknown) => this.#reply(running, call.id, failed(error)),
    );
  }

  /** Replies after `ms`, unless something else does before. */
  #await(running: Running, id: number, ms: number, outcome: Outcome): void {
    if (running.asked !== undefined) throw new Error("it asked twice at a time");
    const timer = ms <= LONGEST_MS ? setTimeout(() => this.#reply(running, id, outcome), ms) : undefined;
    running.asked = { id, timer };
  }

  #reply(running: Running, id: number, outcome: Outcome): void {
    if (running !== this.#running || running.asked?.id !== id) return;
    this.#forget();
    const isBytes = outcome.outcome === "value" && outcome.value instanceof Uint8Array;
    try {
      if (isBytes) this.#send({ kind: "reply", id, outcome: "value" }, outcome.value as Uint8Array);
      else this.#send({ kind: "reply", id, ...outcome });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#send({ kind: "reply", id, ...failed(new Error(`the answer is too large for a plugin: ${error.message}`)) });
    }
  }

  /** Nobody waits for a reply any longer. */
  #forget(): void {
    if (this.#running === undefined) return;
    clearTimeout(this.#running.asked?.timer);
    this.#running.asked = undefined;
  }

  #send(message: HostMessage, bytes?: Uint8Array): void {
    if (!this.#ended) this.#child.stdin.write(encodeFrame(message, bytes, MOST_TO_WORKER));
  }

  #condemn(verdict: PluginError): void {
    this.#verdict = verdict;
    void this.end();
  }

  #over(how: string, resolve: () => void): void {
    this.#ended = true;
    const { signal } = this.#running?.job ?? {};
    this.#running?.reject(signal?.aborted ? signal.reason : (this.#verdict ?? this.#endOf(how)));
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    resolve();
  }

  #endOf(how: string): PluginError {
    if (/out of memory|allocation failed/i.test(this.#printed))
      return new PluginError("PLUGIN_LIMIT", "the plugin used too much memory");
    const [first = ""] = this.#printed
      .replace(/[^\x20-\x7e\n]/g, "?")
      .trim()
      .split("\n");
    return new PluginError("PLUGIN_CRASH", `the plugin's process ended: ${how}${first === "" ? "" : `: ${first}`}`);
  }
}

/** Error `PLUGIN_CRASH` where the system has no process or pipes left, or does not let us have another user. */
function started(start: () => Child): Child {
  try {
    const child = start();
    // Typed as always there, but not when there are no file descriptors left.
    if ((child.stdin as Writable | undefined) !== undefined) return child;
    child.once("error", () => {});
  } catch (error) {
    throw new PluginError("PLUGIN_CRASH", `the plugin's process cannot be started: ${(error as Error).message}`);
  }
  throw new PluginError("PLUGIN_CRASH", "the plugin's process cannot be started: too many open files");
}

type Outcome =
  | { readonly outcome: "value"; readonly value?: unknown }
  | { readonly outcome: "failed"; readonly message: string; readonly code?: string }
  | { readonly outcome: "late" };

/** How the host and babel write theirs; those of the system and of Node are an accident of how something is done. */
const STABLE_CODE = /^[a-z][a-z0-9_]*$/;

function failed(error: unknown): Outcome {
  if (!(error instanceof Error)) return { outcome: "failed", message: String(error) };
  const { message } = error;
  const code =
    "code" in error && typeof error.code === "string" && STABLE_CODE.test(error.code) ? error.code : undefined;
  return { outcome: "failed", message, ...(code === undefined ? {} : { code }) };
}

/** A script that stopped because it was told to: who told knows why, the script knows where. */
function errorOf({ code, message, diagnostics, frames }: ScriptFailure, job: ProcessJob): PluginError {
  const { aborted, reason } = job.signal;
  const sources = job.files;
  if (code !== "PLUGIN_TIMEOUT" || !aborted || !(reason instanceof PluginError))
    return new PluginError(code, message, { diagnostics, frames, sources });
  const places = diagnostics.map(({ help: _, ...diagnostic }) => ({ ...diagnostic, message: reason.message }));
  return new PluginError(reason.code, reason.message, { diagnostics: places, frames, sources });
}
