import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { missingTool, OperationError } from "@blockvisor/image/container";
import { childrenOf } from "./child-processes.ts";
import { identifyProcess } from "./process-identity.ts";

const POLL_MS = 5;
/** Exit code of Apptainer when it fails itself. */
const FAILED = 255;
const STARTER = /\/(starter|starter-suid)( \(deleted\))?$|^\/memfd:/;

/**
 * Starts a launcher that stays outside the container as the parent of the process it starts inside, both for as long as they live,
 * and finds that process: the first descendant in the container's pid namespace that is no longer the launcher's own program.
 * Returns its pid, 0 when it ended already. Errors `container-exec-failed`, `tool-missing`.
 */
export async function spawnInContainer(
  argv: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly log: number; readonly initPidFile: string },
): Promise<number> {
  const init = Number(await readFile(options.initPidFile, "utf8"));
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  const logPath = `/proc/self/fd/${options.log}`;
  const logStart = fstatSync(options.log).size;
  const [file = "", ...args] = argv;
  const launcher = spawn(file, args, {
    // A session of its own: it outlives the daemon and gets no signal of its terminal.
    detached: true,
    stdio: ["ignore", options.log, options.log],
    env: { ...options.env },
  });
  launcher.unref();
  let ending: number | NodeJS.Signals | Error | undefined;
  launcher.once("error", (error) => {
    ending = error;
  });
  launcher.once("exit", (code, signal) => {
    ending = code ?? signal ?? 0;
  });
  for (;;) {
    const pid = launcher.pid === undefined ? undefined : findInside(launcher.pid, namespace);
    if (pid !== undefined) return pid;
    if (ending instanceof Error) throw missingTool(file);
    if (ending !== undefined) {
      const fatal = /^.*FATAL:?(.*)$/m.exec(readFrom(logPath, logStart))?.[1];
      if (fatal === undefined && ending !== FAILED) return 0;
      const reason = fatal?.replace(/\x1b\[[0-9;]*m/g, "").trim() ?? "it could not start the program";
      throw new OperationError("container-exec-failed", `apptainer: ${reason}`, {
        fix: "check that the program exists in the container",
      });
    }
    await delay(POLL_MS);
  }
}

function findInside(pid: number, namespace: string): number | undefined {
  for (const child of childrenOf(pid)) {
    if (isInside(child, namespace)) return child;
    const deeper = findInside(child, namespace);
    // What was the launcher's a moment ago may be the program by now, and that its child.
    if (deeper !== undefined) return isInside(child, namespace) ? child : deeper;
  }
  return undefined;
}

/**
 * The pid of the only program an instance's init starts by itself; `undefined` when it, or init, ended.
 * Init is a fork of the starter, and its child is one until it becomes the program.
 */
export async function findRunScript(init: number): Promise<number | undefined> {
  const deadline = Date.now() + 10_000;
  while (identifyProcess(init) && Date.now() < deadline) {
    const child = childrenOf(init).find((pid) => isProgram(pid));
    if (child !== undefined) return child;
    await delay(POLL_MS);
  }
  return undefined;
}

function isInside(pid: number, namespace: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === namespace && isProgram(pid);
  } catch {
    return false; // It ended.
  }
}

function isProgram(pid: number): boolean {
  try {
    return !STARTER.test(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return false; // It ended, or is between two programs.
  }
}

function readFrom(path: string, position: number): string {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(64 * 1024);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, position));
  } finally {
    closeSync(file);
  }
}
