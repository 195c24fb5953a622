import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { missingTool, OperationError } from "@blockvisor/image/container";
import { systemCalls } from "../launcher/system-calls.ts";
import { exitFromStatus, type ProcessExit } from "./container-end.ts";
import type { TerminalSize } from "./container-runtime.ts";
import { SCRIPT } from "./interactive-script.ts";

/** A process in a container that somebody talks to. It belongs to who started it: the end of this process hangs up, too. */
export interface InteractiveProcess {
  /** What is typed, or its standard input, which ends as this does. */
  readonly input: Writable;
  /** To be iterated over. Of a terminal: all that appears there. What is not read waits in the container. */
  readonly output: Readable;
  /** Nothing, of a terminal. */
  readonly errors: Readable;
  /** Of its terminal. */
  resize(size: TerminalSize): void;
  /** To the process and all of its process group. */
  signal(name: NodeJS.Signals): void;
  /** SIGHUP to its session, and SIGKILL to what is left of that a second later. Who has left the session goes on. */
  hangUp(): void;
  /** Once all of its output is on its way; undefined when it was hung up. */
  readonly ended: Promise<ProcessExit | undefined>;
}

/** How a driver starts one. */
export interface InteractiveLaunch {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Where a terminal comes from: a socket that the tool connects to, or the pid of the container's init, in whose /dev/pts it is made. */
  readonly terminal: string;
  /** Where a tool that goes away again leaves the pid of what it started. */
  readonly pidFile?: string;
  /** Why such a tool has failed. */
  readonly failure?: () => Promise<string | undefined>;
  /** Removes what was needed to start it. */
  readonly clear?: () => Promise<void>;
}

/** `owner` is root of the container; `signal` hangs up, also before it has begun. Errors `aborted`, `container-exec-failed`, `tool-missing`. */
export async function startInteractive(
  { argv, env, terminal, pidFile = "", ...launch }: InteractiveLaunch,
  owner: number,
  size: TerminalSize | undefined,
  signal: AbortSignal | undefined,
): Promise<InteractiveProcess> {
  const shape = size === undefined ? "" : shapeOf(size);
  const words = [systemCalls(), String(owner), shape, terminal, pidFile, ...argv];
  const child = spawn("perl", ["-e", SCRIPT, ...words], {
    stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
    // Signals of the daemon's own terminal are not for it.
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"], ...env },
  });
  const [input, output, errors, orders, report] = child.stdio as [Writable, Readable, Readable, Writable, Readable];
  // It may be gone at any time, which `ended` tells.
  for (const stream of child.stdio) stream?.on("error", () => {});
  // What nobody reads yet when a process ends, Node throws away; with a listener it stays.
  for (const stream of [output, errors]) stream.on("readable", () => {});
  const started = Promise.withResolvers<true>();
  let exit: ProcessExit | undefined;
  const reported = createInterface({ input: report }).on("line", (line) => {
    const [what, status] = line.split(" ");
    if (what === "started") started.resolve(true);
    else if (what === "ended") exit = exitFromStatus(Number(status));
  });
  const hangUp = (): void => void orders.end();
  signal?.addEventListener("abort", hangUp);
  if (signal?.aborted) hangUp();
  const gone = Promise.all([once(child, "exit"), once(reported, "close")]);
  try {
    if (!(await Promise.race([started.promise, gone.then(() => false)]))) {
      if (signal?.aborted) throw new OperationError("aborted", "nobody waited for the process to begin");
      const reason = (await launch.failure?.()) ?? (await text(errors)).trim();
      throw new OperationError("container-exec-failed", reason, { fix: `check that ${argv[0]} can be run` });
    }
  } catch (error) {
    throw isMissing(error) ? missingTool("perl") : error;
  } finally {
    await launch.clear?.();
  }
  return {
    input,
    output,
    errors,
    resize: (next) => orders.write(`resize ${shapeOf(next)}\n`),
    signal: (name) => orders.write(`signal ${constants.signals[name]}\n`),
    hangUp,
    ended: gone.then(() => exit).finally(() => signal?.removeEventListener("abort", hangUp)),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** As the kernel has it. */
function shapeOf({ rows, columns }: TerminalSize): string {
  return [rows, columns].map((count) => Math.max(0, Math.min(Math.trunc(count), 0xffff))).join(" ");
}
