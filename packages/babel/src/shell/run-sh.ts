import { spawn } from "node:child_process";
import { signalNumber } from "@blockvisor/jobs";
import { messageOf } from "../errno.ts";
import { exhausted, internal, invalid } from "../failure.ts";
import { normalizeScript } from "../jobs/config.ts";
import { asUser } from "../jobs/program.ts";
import type { Toolbox } from "../paths.ts";
import { accountNamed } from "../process/accounts.ts";
import { type ProcessIdentity, statOf } from "../process/identity.ts";
import { randomId } from "../process/random-id.ts";
import { endRun, killRun, processesOfRun, RUN_ID_VARIABLE } from "../process/run-processes.ts";
import { BoundedOutput } from "./bounded-output.ts";

export type ShRequest = {
  readonly body: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string;
  /** Per stream, in bytes. */
  readonly outputLimit?: number;
  readonly stdin?: Uint8Array;
};

export type ShOutput = {
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
};

export type ShResult =
  | ({ readonly kind: "ended"; readonly exitCode: number; readonly signal: string } & ShOutput)
  /** The caller's time was over; the script and everything it started is gone. */
  | ({ readonly kind: "cut-short" } & ShOutput);

const DEFAULT_LIMIT = 4 * 1024 * 1024;
const MAX_LIMIT = 64 * 1024 * 1024;
const CONCURRENT = 32;
/** How long output of background children is still taken after the shell has ended. (D2-06) */
const DRAIN_MS = 250;
const TERM_PATIENCE_MS = 2_000;

/** Runs scripts in the node, at most 32 at once. (§2.1, D1-14) */
export class Shell {
  readonly #toolbox: Toolbox;
  readonly #root: string;
  #running = 0;

  constructor(toolbox: Toolbox, root: string) {
    this.#toolbox = toolbox;
    this.#root = root;
  }

  /** @param cut ends the script early, with all its processes */
  async run(request: ShRequest, cut: AbortSignal): Promise<ShResult> {
    if (this.#running >= CONCURRENT) {
      throw exhausted("run-sh-busy", `${CONCURRENT} scripts are running already`, "Try again when some have ended.");
    }
    this.#running += 1;
    try {
      return await this.#run(request, cut);
    } finally {
      this.#running -= 1;
    }
  }

  async #run(request: ShRequest, cut: AbortSignal): Promise<ShResult> {
    const [program, ...args] = await this.#command(request);
    const runId = randomId();
    const env = { ...request.env, [RUN_ID_VARIABLE]: runId };
    const child = spawn(program, args, {
      detached: true,
      cwd: "/",
      env,
      stdio: [request.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const limit = Math.min(request.outputLimit || DEFAULT_LIMIT, MAX_LIMIT);
    const stdout = new BoundedOutput(limit);
    const stderr = new BoundedOutput(limit);
    child.stdout?.on("data", (chunk: Buffer) => stdout.add(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.add(chunk));
    child.stdin?.on("error", () => undefined); // the script need not read it
    child.stdin?.end(request.stdin);
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("error", (error) => reject(internal("run-sh-spawn", `failed to run sh: ${messageOf(error)}`)));
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const leader = leaderOf(child.pid);
    const cutShort = aborted(cut);
    try {
      const end = await Promise.race([exited, cutShort.promise]);
      if (end === "aborted") await endScript(runId, leader);
      else await Promise.race([closed, after(DRAIN_MS).then(oncePolled)]);
      const output = {
        stdout: stdout.text(),
        stderr: stderr.text(),
        stdoutTruncated: stdout.truncated,
        stderrTruncated: stderr.truncated,
      };
      if (end === "aborted") return { kind: "cut-short", ...output };
      const exitCode = end.code ?? 128 + (end.signal === null ? 0 : signalNumber(end.signal));
      return { kind: "ended", exitCode, signal: end.signal ?? "", ...output };
    } finally {
      cutShort.forget();
      child.stdout?.destroy();
      child.stderr?.destroy();
    }
  }

  async #command(request: ShRequest): Promise<readonly [string, ...string[]]> {
    const body = normalizeScript(request.body);
    if (body.includes("\0")) throw invalid("run-sh-invalid", "the script contains a NUL byte");
    const user = request.user || process.env["BV_USER"];
    if (!user) return [this.#toolbox.shell, "-c", body];
    if ((await accountNamed(this.#root, user)) === undefined) {
      throw invalid("run-sh-user", `cant run as a '${user}': user not found`);
    }
    const [program = "", ...args] = asUser(user, body, { toolbox: this.#toolbox });
    return [program, ...args];
  }
}

function leaderOf(pid: number | undefined): ProcessIdentity | undefined {
  return pid === undefined ? undefined : statOf(pid);
}

/** SIGTERM to all of it at once, then SIGKILL: no orphan may survive. (D2-01) */
async function endScript(runId: string, leader: ProcessIdentity | undefined): Promise<void> {
  for (const each of processesOfRun({ runId, leader })) {
    try {
      process.kill(each.pid, "SIGTERM");
    } catch {
      // ended meanwhile
    }
  }
  await endRun({ runId, leader }, { signal: "SIGTERM", patienceMs: TERM_PATIENCE_MS });
  await killRun({ runId, leader });
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** On a busy machine time is over before what has come is read: that is done before this. */
const oncePolled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function aborted(signal: AbortSignal): { readonly promise: Promise<"aborted">; forget(): void } {
  let forget = (): void => undefined;
  const promise = new Promise<"aborted">((resolve) => {
    const notice = (): void => resolve("aborted");
    forget = () => signal.removeEventListener("abort", notice);
    if (signal.aborted) notice();
    else signal.addEventListener("abort", notice, { once: true });
  });
  return { promise, forget: () => forget() };
}
