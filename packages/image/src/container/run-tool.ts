import { type StdioOptions, spawn } from "node:child_process";
import { OperationError } from "./operation-error.ts";

export interface ToolOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the tool is ended; default 60 000. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Added to the environment of this process, or with `onlyEnv` given in its place. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onlyEnv?: boolean;
  /** What it reads; a promise that rejects leaves it with nothing to read. */
  readonly input?: string | Uint8Array | Promise<string>;
  /** Called for every line of stdout as it comes. */
  readonly onLine?: (line: string) => void;
  /** Where stdout and stderr go instead of into the result: for tools whose children live on and would keep a pipe open. */
  readonly output?: number | "ignore";
  /** File descriptors the tool gets as 3, 4, … */
  readonly inherit?: readonly number[];
  /** Exit codes that are no failure; default only 0. */
  readonly accept?: readonly number[];
}

export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bytes kept of each output stream; a tool that says more has its surplus dropped. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;
const GRACE_MS = 3_000;

const PACKAGES: Readonly<Record<string, string>> = {
  runc: "runc",
  crun: "crun",
  skopeo: "skopeo",
  umoci: "umoci",
  nft: "nftables",
  ip: "iproute2",
  nsenter: "util-linux",
  flock: "util-linux",
  mount: "mount",
  umount: "mount",
  losetup: "mount",
  "mkfs.ext4": "e2fsprogs",
  e2fsck: "e2fsprogs",
  resize2fs: "e2fsprogs",
  btrfs: "btrfs-progs",
  cp: "coreutils",
  tar: "tar",
  perl: "perl-base",
};

/** How a tool that was started can be talked to. Nothing of it throws. */
export interface StartedTool {
  /** Ends its input; what it does not read is lost, its exit code tells why. */
  readonly feed: (input: string | Uint8Array) => void;
  readonly kill: (signal: "SIGTERM" | "SIGKILL") => void;
  /** Does not wait for output any more: a grandchild may hold it open. */
  readonly drop: () => void;
}

export interface ToolEvents {
  readonly onStdout: (bytes: Buffer) => void;
  readonly onStderr: (bytes: Buffer) => void;
  /** It has ended, and what it said has come. */
  readonly onEnd: (code: number | null, signal: string | null) => void;
  /** It could not be started. */
  readonly onError: (error: NodeJS.ErrnoException) => void;
}

/** Starts a process. Of the options those that concern its start are for it. */
export type ToolStarter = (
  tool: string,
  args: readonly string[],
  options: ToolOptions,
  events: ToolEvents,
) => StartedTool;

/**
 * Runs a system tool with an argv array (never a shell) and returns what it said.
 * Errors: `tool-missing` (with the package to install), `tool-failed`, `tool-timeout`, `aborted`.
 *
 * @param start who starts it; default: this process
 */
export async function runTool(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
  start: ToolStarter = startChild,
): Promise<ToolResult> {
  if (options.signal?.aborted) throw new OperationError("aborted", `${tool} was cancelled`);
  const [stdout, stderr] = [collect(options.onLine), collect()];
  const ended = await endOf(start, tool, args, options, { onStdout: stdout.add, onStderr: stderr.add });
  const result = { exitCode: ended.code ?? -1, stdout: stdout.text(), stderr: stderr.text() };
  if (ended.stopped === "aborted") throw new OperationError("aborted", `${tool} was cancelled`);
  if (ended.stopped === "timeout") {
    throw new OperationError("tool-timeout", `${describe(tool, args)} did not end within ${timeoutOf(options)} ms`, {
      fix: "try again; if it happens again look for a stuck device, network or daemon",
    });
  }
  if (ended.code === null || !(options.accept ?? [0]).includes(ended.code)) {
    const end = ended.code === null ? `was killed by ${ended.signal}` : `failed with exit code ${ended.code}`;
    throw new OperationError("tool-failed", `${describe(tool, args)} ${end}: ${lastWords(result)}`);
  }
  return result;
}

/** As a child of this process. */
export function startChild(
  tool: string,
  args: readonly string[],
  options: ToolOptions,
  { onStdout, onStderr, onEnd, onError }: ToolEvents,
): StartedTool {
  const output = options.output ?? "pipe";
  const input = options.input === undefined ? "ignore" : "pipe";
  const stdio: StdioOptions = [input, output, output, ...(options.inherit ?? [])];
  const child = spawn(tool, args, {
    stdio,
    env: options.onlyEnv ? { ...options.env } : { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdout?.on("data", onStdout);
  child.stderr?.on("data", onStderr);
  child.stdin?.on("error", () => {});
  child.once("error", onError);
  child.once("close", onEnd);
  return {
    feed: (bytes) => child.stdin?.end(bytes),
    kill: (signal) => child.kill(signal),
    drop() {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
}

export function missingTool(tool: string): OperationError {
  const name = PACKAGES[tool];
  return new OperationError("tool-missing", `${tool} is missing`, {
    fix: name ? `apt-get install ${name}` : `install ${tool} and make sure it is on the PATH`,
  });
}

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stopped?: "timeout" | "aborted";
}

function endOf(
  start: ToolStarter,
  tool: string,
  args: readonly string[],
  options: ToolOptions,
  output: Pick<ToolEvents, "onStdout" | "onStderr">,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    let stopped: "timeout" | "aborted" | undefined;
    // Words that nothing can be started with are refused here, before anything waits for an end.
    const started = start(tool, args, options, {
      ...output,
      onEnd(code, signal) {
        settle();
        resolve({ code, signal, ...(stopped ? { stopped } : {}) });
      },
      onError(error) {
        settle();
        // ENOENT also stands for a missing working directory.
        const missing = error.code === "ENOENT" && !(options.cwd && error.path === options.cwd);
        reject(
          missing ? missingTool(tool) : new OperationError("tool-failed", `${tool} cannot be run: ${error.message}`),
        );
      },
    });
    let insist: NodeJS.Timeout | undefined;
    const stop = (reason: "timeout" | "aborted") => {
      if (stopped) return;
      stopped = reason;
      started.kill("SIGTERM");
      insist = setTimeout(() => {
        started.kill("SIGKILL");
        started.drop();
      }, GRACE_MS);
    };
    const timeout = setTimeout(stop, timeoutOf(options), "timeout");
    const onAbort = () => stop("aborted");
    options.signal?.addEventListener("abort", onAbort);
    const settle = () => {
      clearTimeout(timeout);
      clearTimeout(insist);
      options.signal?.removeEventListener("abort", onAbort);
    };
    if (options.input instanceof Promise) options.input.then(started.feed, () => started.feed(""));
    else if (options.input !== undefined) started.feed(options.input);
  });
}

function collect(onLine?: (line: string) => void): {
  readonly add: (chunk: Buffer) => void;
  readonly text: () => string;
} {
  const chunks: Buffer[] = [];
  let size = 0;
  let partial = "";
  return {
    add(chunk) {
      if (size < OUTPUT_LIMIT) chunks.push(chunk);
      size += chunk.length;
      if (!onLine) return;
      const lines = (partial + chunk.toString("utf8")).split("\n");
      partial = (lines.pop() ?? "").slice(-4_096);
      lines.forEach(onLine);
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
  };
}

function timeoutOf(options: ToolOptions): number {
  return options.timeoutMs ?? 60_000;
}

function describe(tool: string, args: readonly string[]): string {
  const verb = args.find((word) => !word.startsWith("-"));
  return verb === undefined ? tool : `${tool} ${verb}`;
}

function lastWords(result: ToolResult): string {
  const said = result.stderr.trim() || result.stdout.trim() || "no message";
  return said.slice(-2_000);
}
