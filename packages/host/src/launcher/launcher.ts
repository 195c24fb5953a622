import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";
import {
  type StartedTool,
  startChild,
  type ToolEvents,
  type ToolOptions,
  type ToolStarter,
} from "@blockvisor/image/container";
import { createFrameReader } from "./frames.ts";
import { SCRIPT } from "./launcher-script.ts";

/**
 * Starts tools in this process's place. To start one the kernel copies the page tables of who does it: milliseconds of a process of a
 * hundred megabytes, which does nothing else meanwhile, and as good as nothing of this one.
 */
export interface Launcher {
  /** Gets ready. Until it is, and where it cannot be (no perl, an older kernel), tools are started by this process itself. */
  prepare(): void;
  readonly start: ToolStarter;
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
/** The status of wait(2): the signal that ended it, or in the next byte its exit code. */
const SIGNAL_MASK = 0x7f;
const ENOENT = 2;

export function createLauncher(): Launcher {
  let state: "none" | "starting" | "unusable" | { readonly child: ChildProcess } = "none";
  const running = new Map<number, ToolEvents>();
  let last = 0;

  function prepare(): void {
    if (state !== "none") return;
    state = "starting";
    const child = spawn("perl", ["-e", SCRIPT], { stdio: ["pipe", "pipe", "ignore"] });
    const end = (): void => {
      state = state === "starting" ? "unusable" : "none";
      const lost = [...running.values()];
      running.clear();
      for (const { onError } of lost) onError(new Error("the process that starts tools has ended"));
    };
    child.once("error", end);
    // Not before what it still said was read.
    child.once("close", end);
    child.stdin.on("error", () => {});
    child.stdout.on(
      "data",
      createFrameReader((id, kind, bytes) => {
        if (kind === "ready") state = { child };
        else answer(id, kind, bytes);
      }),
    );
    child.unref();
    holdOpen(child, false);
  }

  function answer(id: number, kind: string, bytes: Buffer): void {
    const events = running.get(id);
    if (kind === "out") events?.onStdout(bytes);
    else if (kind === "err") events?.onStderr(bytes);
    else if (running.delete(id)) {
      if (running.size === 0 && typeof state === "object") holdOpen(state.child, false);
      const [number = "", ...text] = bytes.toString("utf8").split(" ");
      if (kind === "failed") events?.onError(startError(Number(number), text.join(" ")));
      else events?.onEnd(...exitOf(Number(number)));
    }
  }

  return {
    prepare,
    start(tool, args, options, events) {
      prepare();
      const words = [tool, ...args];
      if (typeof state === "string" || needsOwnStart(words, options)) return startChild(tool, args, options, events);
      const { child } = state;
      last += 1;
      const id = last;
      const send = (kind: string, bytes: string | Uint8Array): void => {
        const payload = Buffer.from(bytes);
        child.stdin?.write(Buffer.concat([Buffer.from(`${id} ${kind} ${payload.length}\n`), payload]));
      };
      if (running.size === 0) holdOpen(child, true);
      running.set(id, events);
      const { output = "pipe", inherit = [], input } = options;
      send("run", [input === undefined ? 0 : 1, output, inherit[0] ?? "", ...words].join("\0"));
      return {
        feed: (bytes) => send("feed", bytes),
        kill: (signal) => send("kill", signal.slice("SIG".length)),
        drop: () => send("drop", ""),
      } satisfies StartedTool;
    },
  };
}

/** What concerns only few tools, none of them in a hurry; and a NUL, which nothing can be started with, and would end a word here. */
function needsOwnStart(words: readonly string[], { env, onlyEnv, cwd, inherit = [] }: ToolOptions): boolean {
  const isPlain = env === undefined && onlyEnv !== true && cwd === undefined && inherit.length <= 1;
  return !isPlain || words.some((word) => word.includes("\0"));
}

/** It keeps this process from ending only while somebody waits for a tool. */
function holdOpen(child: ChildProcess, hold: boolean): void {
  for (const stream of [child.stdin, child.stdout] as readonly (Socket | null)[])
    hold ? stream?.ref() : stream?.unref();
}

function startError(errno: number, text: string): NodeJS.ErrnoException {
  return Object.assign(new Error(text), errno === ENOENT ? { code: "ENOENT" } : {});
}

function exitOf(status: number): [number | null, string | null] {
  const signal = status & SIGNAL_MASK;
  return signal === 0 ? [status >> 8, null] : [null, SIGNALS.get(signal) ?? `signal ${signal}`];
}
