import { readFileSync, statfsSync } from "node:fs";
import { cpus, hostname, release, totalmem, type } from "node:os";
import { dirname } from "node:path";

/** What is told about a machine when it is registered (host-daemon §10.1). Sizes in bytes. */
export interface Machine {
  readonly hostname: string;
  readonly os: string;
  readonly osVersion: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** `dataDirectory` is where nodes will live; its file system counts, or that of the nearest directory there is. */
export function thisMachine(dataDirectory: string): Machine {
  const system = osRelease();
  return {
    hostname: hostname(),
    os: system["NAME"] ?? type(),
    osVersion: system["VERSION_ID"] ?? system["VERSION"] ?? release(),
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    diskBytes: diskSize(dataDirectory),
  };
}

function osRelease(): Readonly<Record<string, string>> {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      const lines = readFileSync(path, "utf8").matchAll(/^(\w+)=("?)(.*)\2$/gm);
      return Object.fromEntries([...lines].map(([, key = "", , value = ""]) => [key, value]));
    } catch {
      // The other place, or neither: then the kernel's own names have to do.
    }
  }
  return {};
}

function diskSize(path: string): number {
  try {
    const { blocks, bsize } = statfsSync(path);
    return blocks * bsize;
  } catch {
    return path === dirname(path) ? 0 : diskSize(dirname(path));
  }
}
