import { readFile, writeFile } from "node:fs/promises";
import type { CgroupHierarchies } from "./hierarchies.ts";

/**
 * The first move of a process between cgroups waits until all processors know that processes move (RCU, 5 to 20 ms); those of the next 20 ms or so wait
 * no more. So this process moves to where it is while a container is prepared. Never fails: without it the container's own move waits.
 */
export async function announceMove({ controllers, unified }: CgroupHierarchies): Promise<void> {
  // `ID:CONTROLLERS:PATH`; the line without controllers is that of version 2.
  for (const line of (await readFile("/proc/self/cgroup", "utf8")).split("\n")) {
    const [, names = "", path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const first = names.replace(/^name=/, "").split(",", 1)[0] ?? "";
    const mountPoint = names === "" ? unified : controllers.get(first);
    if (mountPoint === undefined || path === undefined || path.includes("/../")) continue;
    return writeFile(`${mountPoint}${path}/cgroup.procs`, "0").catch(() => {});
  }
}
