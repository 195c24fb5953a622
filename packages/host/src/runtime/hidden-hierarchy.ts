import type { CgroupHierarchies } from "../cgroups/index.ts";

/**
 * The version 2 hierarchy of a machine that has version 1, too. crun refuses to work where it sees both; without this one it works as on a
 * machine of version 1, and what it starts stays in the version 2 cgroup that it was in itself.
 */
export interface HiddenHierarchy {
  readonly mountPoint: string;
  /** `cgroup.procs` of the container's cgroup; absent: the tool starts nothing that lasts. */
  readonly join?: string;
}

/** What `tool` must not see when it is about the cgroup `name`; undefined: it may see all there is. */
export function hiddenFrom(
  tool: string,
  { controllers, unified }: CgroupHierarchies,
  name?: string,
): HiddenHierarchy | undefined {
  if (tool !== "crun" || unified === undefined || controllers.size === 0) return undefined;
  return { mountPoint: unified, ...(name === undefined ? {} : { join: `${unified}/${name}/cgroup.procs` }) };
}

/** $1: the hierarchy; $2: the file to join by, or nothing. */
const HIDE = `[ -z "$2" ] || echo 0 >"$2"; mount -t tmpfs -o size=64k tmpfs "$1"; shift 2; exec "$@"`;

/** argv of `command` without it. */
export function without(
  { mountPoint, join = "" }: HiddenHierarchy,
  command: readonly string[],
): readonly [string, ...string[]] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", HIDE, "sh", mountPoint, join, ...command];
}
