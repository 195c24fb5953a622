import { spawn } from "node:child_process";
import { Failure, systemCode } from "../failure/failure.ts";

interface ToolOptions {
  /** What to do when the tool is not installed. */
  readonly missing: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of everything it prints, on both streams. */
  readonly onOutput?: (text: string) => void;
}

export interface ToolResult {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  /** The last of what it printed, both streams together. */
  readonly tail: string;
  readonly stdout: string;
}

const tailCharacters = 4000;
const stdoutCharacters = 1 << 20;

/** Runs a program of this machine, without a shell. What it prints is bounded in memory. */
export async function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.signal ? { signal: options.signal } : {}),
  });
  let tail = "";
  let stdout = "";
  const heard = (text: string) => {
    tail = (tail + text).slice(-tailCharacters);
    options.onOutput?.(text);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout.length < stdoutCharacters) stdout += text;
    heard(text);
  });
  child.stderr.setEncoding("utf8").on("data", heard);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => {
      if (systemCode(error) !== "ENOENT") reject(error);
      else reject(new Failure("tool-missing", `${command} is not installed`, { hint: options.missing }));
    });
    child.once("close", resolve);
  });
  return { status, tail: tail.trimEnd(), stdout };
}
