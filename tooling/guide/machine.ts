import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { repository } from "../command.ts";
import { type Place, thisMachine } from "../test-host.ts";

/** The bridge that the guide has made. */
const bridge = "bvguide0";

/** The machine of the reader of the guide: a root of its own for everything that a host keeps, and an empty folder to work in. */
export interface GuideMachine {
  readonly root: string;
  readonly workFolder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Ends what still runs, deletes the nodes that are left, and throws when something stays behind. */
  remove(): Promise<void>;
}

export function guideMachine(directory: string, place: Place = thisMachine): GuideMachine {
  const root = join(directory, "root");
  const workFolder = join(directory, "work");
  const home = join(directory, "home");
  for (const folder of [root, workFolder, home]) mkdirSync(folder, { recursive: true });
  const env = { BV_ROOT: root, HOME: home, BLOCKVISOR: repository, NO_COLOR: "1" };
  return { root, workFolder, env, remove: () => remove(root, { ...process.env, ...env }, place) };
}

async function remove(root: string, env: NodeJS.ProcessEnv, place: Place): Promise<void> {
  await Promise.all(ownProcesses(root).map(end));
  const nodes = join(root, "var/lib/blockvisor/nodes");
  const left = existsSync(nodes) ? readdirSync(nodes).filter((name) => /^[0-9a-f-]{36}$/.test(name)) : [];
  if (left.length > 0) await deleteNodes(env, place);
  spawnSync("ip", ["link", "delete", bridge], { stdio: "ignore" });
  const [program = "", ...args] = place.enter(root, ["cat", "/proc/self/mounts"]);
  const mounts = spawnSync(program, args, { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => line.includes(` ${root}/`));
  const processes = ownProcesses(root);
  if (mounts.length > 0 || processes.length > 0) {
    throw new Error(`left behind: ${[...mounts, ...processes.map((pid) => `process ${pid}`)].join("\n  ")}`);
  }
}

/** A daemon in dev mode deletes any node by itself, without asking a control plane. */
async function deleteNodes(env: NodeJS.ProcessEnv, place: Place): Promise<void> {
  const launcher = (name: string, args: readonly string[]): [string, string[]] => {
    const [program = "", ...rest] = place.enter("/", [join(repository, "bin", name), ...args]);
    return [program, rest];
  };
  const daemon: ChildProcess = spawn(...launcher("blockvisord", ["--dev"]), { env, stdio: "ignore" });
  const bv = (...args: string[]) => spawnSync(...launcher("bv", args), { env, encoding: "utf8", timeout: 120_000 });
  for (let attempt = 0; attempt < 100 && bv("node", "list").status !== 0; attempt += 1) await delay(100);
  const deleted = bv("node", "delete", "--all", "--yes", "--force");
  daemon.kill("SIGTERM");
  if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, "exit");
  if (deleted.status !== 0) throw new Error(`the nodes in ${env["BV_ROOT"]} could not be deleted:\n${deleted.stderr}`);
}

/** Pids of the launchers' processes that were started for this root. */
function ownProcesses(root: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && readProc(pid, "cmdline").includes(join(repository, "dist/bundles")))
    .filter((pid) => readProc(pid, "environ").split("\0").includes(`BV_ROOT=${root}`));
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

async function end(pid: number): Promise<void> {
  for (const [signal, attempts] of [
    ["SIGTERM", 150],
    ["SIGKILL", 50],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let attempt = 0; attempt < attempts && existsSync(`/proc/${pid}`); attempt += 1) await delay(100);
  }
}
