import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { signalName } from "@blockvisor/jobs";
import { errnoOf, isMissing } from "../errno.ts";
import { readBounded } from "../files/durable.ts";
import type { Cut } from "../logs/space.ts";
import { isAlive, type ProcessIdentity, signalProcess } from "../process/identity.ts";
import { childrenOf, type Ending, endRun, processesOfRun, type RunMark } from "../process/run-processes.ts";

/** What a run left behind when it ended. */
export type RunResult =
  | { readonly kind: "exited"; readonly code: number; readonly ranMs: number }
  | { readonly kind: "killed"; readonly signal: string; readonly ranMs: number }
  | { readonly kind: "lost"; readonly reason: string };

export type Launch = {
  readonly busybox: string;
  readonly shim: string;
  readonly jobFolder: string;
  readonly number: number;
  readonly runId: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cut: Cut;
  readonly timestamps: boolean;
};

const POLL_MS = 250;
const APPEAR_MS = 5_000;
/** A run that an earlier babel started is looked at so often: what goes on for long may end a moment before that is known. */
const WATCH_MS = { first: 100, last: 2_000 } as const;
/** The shim ends right after its payload; it is waited for this long, so often. */
const SHIM_MS = 1_000;
const SHIM_ROUNDS = 20;
/** How long the log writer may go on after the last process of its run. (D3-02) */
const DRAIN_MS = 5_000;
const SETTLE_MS = 250;

export const runFolder = (jobFolder: string, number: number): string => join(jobFolder, "runs", String(number));
const logPrefix = (jobFolder: string, number: number): string =>
  join(jobFolder, "log", String(number).padStart(10, "0"));

/**
 * The highest number that a run of the job has used, by what runs left behind: a status that was lost, or that a power loss made an
 * older one, must not give it away again. The old claim, exit status and log would be taken for the new run's.
 */
export async function lastNumber(jobFolder: string): Promise<number> {
  const names = await Promise.all(["runs", "log"].map((folder) => namesIn(join(jobFolder, folder))));
  return Math.max(0, ...names.flat().map((name) => Number(/^\d{1,10}(?=\.|$)/.exec(name)?.[0] ?? 0)));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

/** Starts the shim of a run; see shim.sh for what it does. The run goes on without babel from here. */
export async function launch(options: Launch): Promise<ChildProcess> {
  const folder = runFolder(options.jobFolder, options.number);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(join(options.jobFolder, "log"), { recursive: true });
  const { segmentBytes, segments } = options.cut;
  const child = spawn(
    options.busybox,
    [
      ...["sh", options.shim, options.busybox, folder, logPrefix(options.jobFolder, options.number)],
      ...[String(segmentBytes), String(segments), options.timestamps ? "1" : "0", options.runId, options.jobFolder],
      ...options.command,
    ],
    { detached: true, stdio: "ignore", env: { ...options.env }, cwd: "/" },
  );
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  child.unref();
  return child;
}

/**
 * Resolves when the run has ended. With `child` its exit is the signal; a run that an earlier babel started is watched
 * through its shim's identity.
 */
export async function runEnd(
  folder: string,
  child: ChildProcess | undefined,
  abandoned: AbortSignal,
): Promise<RunResult> {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => resolve();
    child.once("exit", over);
    abandoned.addEventListener("abort", over, { once: true });
    await promise;
    // The signal outlives every run of the job.
    abandoned.removeEventListener("abort", over);
  }
  let shim = await identityFile(folder, "shim");
  for (let waited = 0; shim === undefined && waited < APPEAR_MS && child === undefined; waited += POLL_MS) {
    await delay(POLL_MS, undefined, { ref: false });
    shim = await identityFile(folder, "shim");
  }
  // To write down how the payload ended is the last thing that the shim does.
  for (
    let pause: number = WATCH_MS.first;
    shim !== undefined && isAlive(shim);
    pause = Math.min(pause * 1.2, WATCH_MS.last)
  ) {
    if (abandoned.aborted) return { kind: "lost", reason: "no longer watched" };
    await delay(pause, undefined, { ref: false });
  }
  return (await readExit(folder)) ?? { kind: "lost", reason: await whyLost(folder, shim) };
}

async function whyLost(folder: string, shim: ProcessIdentity | undefined): Promise<string> {
  if (shim !== undefined) return `its supervising process (pid ${shim.pid}) was killed`;
  return (await readBounded(join(folder, "exit"), 16)) === undefined
    ? "its supervising process could not start; is the disk full?"
    : "its supervising process left no identity";
}

/** The exit status, once the shim has written all of it. */
export async function readExit(folder: string): Promise<RunResult | undefined> {
  const text = (await readBounded(join(folder, "exit"), 4096))?.toString("latin1") ?? "";
  const done = /^done ([\d.]+) /m.exec(text);
  if (done === null) return undefined;
  const ranMs = Math.round(Number(done[1]) * 1000);
  const killed = /^Command terminated by signal (\d+)$/m.exec(text);
  if (killed) return { kind: "killed", signal: signalName(Number(killed[1])), ranMs };
  return { kind: "exited", code: Number(/^Command exited with non-zero status (\d+)$/m.exec(text)?.[1] ?? 0), ranMs };
}

/** Identity in a file of the run's folder, once it is completely written. */
async function identityFile(folder: string, name: "shim" | "pid" | "logger"): Promise<ProcessIdentity | undefined> {
  return parseIdentity((await readBounded(join(folder, name), 64))?.toString("latin1"));
}

export function payloadIdentity(folder: string): ProcessIdentity | undefined {
  try {
    return parseIdentity(readFileSync(join(folder, "pid"), "latin1").slice(0, 64));
  } catch {
    return undefined;
  }
}

function parseIdentity(text: string | undefined): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+)\n$/.exec(text ?? "");
  return match ? { pid: Number(match[1]), startTicks: Number(match[2]) } : undefined;
}

/**
 * Calls off a run whose shim has not begun: true if it never will. Both sides make the same folder, and only one succeeds,
 * so a shim that was started by a babel that died right then cannot run the payload a second time. (D1-03)
 */
export async function callOff(folder: string): Promise<boolean> {
  try {
    await mkdir(join(folder, "claim"));
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** How to find the run's processes; waits a moment for the payload of a run that is just starting. */
export async function markOf(folder: string, runId: string): Promise<RunMark> {
  for (let waited = 0; ; waited += 20) {
    const leader = await identityFile(folder, "pid");
    if (leader !== undefined) return { runId, leader };
    const shim = await identityFile(folder, "shim");
    const starting = shim === undefined ? waited < 500 : isAlive(shim) && waited < APPEAR_MS;
    if (!starting || (waited >= 1_000 && processesOfRun({ runId }).length > 0)) return { runId };
    await delay(20);
  }
}

/**
 * Ends a run and waits for its shim, whose end is `ended`. A payload that the shim starts only now, on a machine that is very
 * busy, is ended as well. Returns what survives even SIGKILL.
 */
export async function endSupervised(
  folder: string,
  runId: string,
  ending: Ending,
  ended: Promise<void>,
): Promise<readonly ProcessIdentity[]> {
  const over = ended.then(() => true);
  for (let round = 0; ; round += 1) {
    const left = await endRun(await markOf(folder, runId), ending);
    if (left.length > 0 || (await Promise.race([over, delay(SHIM_MS, false)]))) return left;
    const shim = round < SHIM_ROUNDS ? undefined : await identityFile(folder, "shim");
    if (shim !== undefined) signalProcess(shim, "SIGKILL");
  }
}

/**
 * Gives the log a moment to be complete, so that who learns of the end finds what was printed before it. A process that the run left behind
 * may keep its output open; that is no reason to wait.
 */
export async function settled(folder: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (!existsSync(join(folder, "logged")) && performance.now() < deadline) await delay(5);
}

/** Waits until everything the run printed is in its log; a writer that some escaped process keeps alive is ended. */
export async function drained(folder: string): Promise<void> {
  if ((await identityFile(folder, "shim")) === undefined) return;
  const deadline = performance.now() + DRAIN_MS;
  while (!existsSync(join(folder, "logged"))) {
    // A short payload may have ended before the writer, which starts beside it, has said who it is.
    const logger = await identityFile(folder, "logger");
    if (logger !== undefined && !isAlive(logger)) return;
    if (performance.now() > deadline) {
      // The writer before its child that copies the bytes, so that the child is not replaced.
      const writers = logger === undefined ? [] : [logger, ...childrenOf(logger.pid)];
      for (const each of writers) signalProcess(each, "SIGKILL");
      return;
    }
    await delay(10);
  }
}

export const forgetRun = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
