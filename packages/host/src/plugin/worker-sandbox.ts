import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { commandIn, findBuiltWorker, type WorkerCommand } from "@blockvisor/plugin";
import { HostError } from "../errors/host-error.ts";
import { FIRST_WORKER_ID, sandboxed } from "./sandbox.ts";

/** How plugins are run on this machine. */
export interface WorkerSandbox {
  readonly command: WorkerCommand;
  /** Why workers have an unprivileged user and nothing else that holds them; undefined: they have nothing at all. */
  readonly against: string | undefined;
}

/** Milliseconds; a trial takes some ten. */
const trialTimeout = 10_000;

/**
 * The built worker beside an agent bundle, in a sandbox where this machine has what it takes, else only under another user, who must be able to read it, and
 * Node's own permissions. Rejects without a built worker.
 *
 * @param agentDirectories in the order in which they are looked at
 */
export async function sandboxWorkers(agentDirectories: readonly string[]): Promise<WorkerSandbox> {
  const homes = agentDirectories.map((directory) => join(directory, "../plugin-worker"));
  const built = homes
    .values()
    .map(findBuiltWorker)
    .find((worker) => worker !== undefined);
  if (built === undefined) {
    throw new HostError("failed", `the plugin worker that comes with blockvisord is not in ${homes.join(", ")}`, {
      hint: "build it with `./dev setup`",
    });
  }
  const against = await reasonAgainst(built.directory);
  if (against === undefined) return { command: { argv: sandboxed(built.directory, commandIn(built, "")) }, against };
  const id = FIRST_WORKER_ID + (process.pid & 0xffff);
  return { command: { argv: commandIn(built, built.directory), id }, against };
}

async function reasonAgainst(root: string): Promise<string | undefined> {
  try {
    const [program, ...args] = sandboxed(root, []);
    await promisify(execFile)(program, args, { timeout: trialTimeout, env: { PATH: process.env["PATH"] } });
    return undefined;
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string };
    return (stderr?.trim() || message).split("\n")[0];
  }
}
