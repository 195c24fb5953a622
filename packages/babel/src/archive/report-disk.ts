import { readFile, stat } from "node:fs/promises";
import { messageOf } from "../errno.ts";
import { engineClient } from "../service/engine.ts";
import type { ArchiveTask } from "./task.ts";
import { faultOf } from "./transfer/fault.ts";

/** Longer the job does not wait for a host that is away: the job's log has it, too. */
const PATIENCE_MS = 5_000;

/** Tells the host of what ended an attempt and is no matter of the archive: a disk that fails, is read-only or stayed full, with its device. (§9.6) */
export async function reportDisk(
  { name, conf, engineSocket }: Pick<ArchiveTask, "name" | "conf" | "engineSocket">,
  mount: string,
  error: unknown,
): Promise<void> {
  if (faultOf(error).kind !== "environment") return;
  const message = `job '${name}': ${messageOf(error)} (${await deviceOf(mount)}, ${mount})`;
  const engine = engineClient(engineSocket, () => conf.secret);
  await engine.bvError({ message }, { timeoutMs: PATIENCE_MS }).catch(() => undefined);
}

/** What the kernel calls the device that a path is on. */
async function deviceOf(path: string): Promise<string> {
  try {
    const { dev } = await stat(path);
    // As glibc packs it: `makedev(3)`.
    const number = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & ~0xff)}`;
    const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
    const found = mounts.find((line) => line.split(" ")[2] === number);
    return found?.split(" - ")[1]?.split(" ")[1] ?? `device ${number}`;
  } catch {
    return "device unknown";
  }
}
