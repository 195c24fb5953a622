import { readFileSync } from "node:fs";

/** Where the kernel's control groups are mounted on this machine: version 1, version 2, or both (hybrid). */
export interface CgroupHierarchies {
  /** Mount point of each version 1 controller (`memory`, `cpuset`, …; `systemd` and other named ones included). */
  readonly controllers: ReadonlyMap<string, string>;
  /** Mount point of version 2; in hybrid mode it holds processes but not the controllers above. */
  readonly unified: string | undefined;
}

/** Reads the mount table; a machine's hierarchies do not change while it runs, callers may keep the result. */
export function detectHierarchies(mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8")): CgroupHierarchies {
  const controllers = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [head = "", tail = ""] = line.split(" - ");
    const mountPoint = head.split(" ")[4] ?? "";
    const [fileSystem, , options = ""] = tail.split(" ");
    if (fileSystem === "cgroup2") unified ??= mountPoint;
    if (fileSystem !== "cgroup") continue;
    for (const option of options.split(",")) {
      const name = option.replace(/^name=/, "");
      if (
        !["rw", "ro", "xattr", "clone_children", "release_agent", "noprefix", "none"].includes(name) &&
        !name.includes("=")
      ) {
        if (!controllers.has(name)) controllers.set(name, mountPoint);
      }
    }
  }
  return { controllers, unified };
}

/** Folders a cgroup of this name has, one per mounted hierarchy. */
export function cgroupFolders(hierarchies: CgroupHierarchies, name: string): readonly string[] {
  const mountPoints = new Set(hierarchies.controllers.values());
  if (hierarchies.unified) mountPoints.add(hierarchies.unified);
  return [...mountPoints].map((mountPoint) => `${mountPoint}/${name}`);
}

/** Folder that holds the files of a controller, and which version's files these are. */
export function controllerFolder(
  hierarchies: CgroupHierarchies,
  controller: string,
  name: string,
): { readonly path: string; readonly version: 1 | 2 } | undefined {
  const mountPoint = hierarchies.controllers.get(controller);
  if (mountPoint) return { path: `${mountPoint}/${name}`, version: 1 };
  return hierarchies.unified ? { path: `${hierarchies.unified}/${name}`, version: 2 } : undefined;
}
