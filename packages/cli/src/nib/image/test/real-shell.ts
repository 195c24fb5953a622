import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { RealShell } from "@blockvisor/plugin/testing";

/** Characters of each stream that are kept. */
const MOST_OUTPUT = 1 << 20;

/** The longest time of timers. */
const LONGEST_MS = 2 ** 31 - 1;

/** Commands of a plugin on this machine, as whoever runs the tests: `host.sh_real` (spec plugin-api.md §9.2). They begin in a directory of their own, with nothing of our environment but PATH. */
export async function openRealShell(): Promise<RealShell> {
  const directory = await mkdtemp(join(tmpdir(), "nib-test-"));
  return {
    run: async (body, { timeoutMs, env = {}, stdin = "", user = "" }, signal) => {
      if (user !== "") throw new Error("run_sh: a command of another user is not run for real");
      const child = spawn("/bin/sh", ["-c", body], {
        cwd: directory,
        env: { PATH: process.env["PATH"], HOME: directory, TMPDIR: directory, ...env },
        detached: true,
      });
      const [stdout, stderr] = [kept(child.stdout), kept(child.stderr)];
      child.stdin.on("error", () => {});
      child.stdin.end(stdin);
      // What it leaves behind in its process group would keep its output open.
      const end = (): void => killGroup(child.pid);
      const giveUp = (): void => {
        end();
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      };
      const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, LONGEST_MS))]);
      limit.addEventListener("abort", giveUp, { once: true });
      if (limit.aborted) giveUp();
      child.once("exit", end);
      const exitCode = await new Promise<number>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code, killer) => resolve(code ?? 128 + (killer === null ? 0 : constants.signals[killer])));
      });
      limit.removeEventListener("abort", giveUp);
      return limit.aborted ? undefined : { exitCode, stdout: stdout(), stderr: stderr() };
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

function kept(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (more: string) => {
    if (text.length < MOST_OUTPUT) text += more;
  });
  return () => text;
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
