import { withoutSightOf } from "@blockvisor/image/container";
import type { CgroupHierarchies } from "../cgroups/index.ts";

/** What is there for an OCI tool's command before it begins. */
export interface ToolGround {
  /** `cgroup.procs` of cgroups it is in already, with all it starts. */
  readonly join: readonly string[];
  /** Folder in which it sees nothing: crun refuses to work where it sees both versions of cgroups. */
  readonly hidden?: string;
  /** What the tool is told besides. */
  readonly options: readonly string[];
}

/**
 * The ground for a command about a container whose cgroups have these files (none: a trial).
 *
 * With ids of its own a container needs no list of devices, as nobody in it may use or make one, so that crun has nothing to do in the cgroups: everything is
 * joined at once, which waits for the kernel (RCU, some 10 ms) once and not for each. Without, crun does all but what is hidden.
 */
export function groundFor(
  tool: string,
  { controllers, unified }: CgroupHierarchies,
  joinFiles: readonly string[],
  hasOwnIds: boolean,
): ToolGround {
  if (tool !== "crun") return { join: [], options: [] };
  const hidden = controllers.size > 0 ? unified : undefined;
  return {
    join: hasOwnIds ? joinFiles : joinFiles.filter((file) => isIn(file, hidden)),
    ...(hidden === undefined ? {} : { hidden }),
    options: hasOwnIds ? ["--cgroup-manager=disabled"] : [],
  };
}

export function isIn(file: string, folder: string | undefined): boolean {
  return folder !== undefined && file.startsWith(`${folder}/`);
}

/** $1: files to join by, one a line. */
const JOIN = `printf '%s\n' "$1" | while read -r file; do echo $$ >"$file"; done; shift; exec "$@"`;

/** argv of `command` on its ground. */
export function onGround(
  { join, hidden }: ToolGround,
  command: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  const hiding = hidden === undefined ? command : withoutSightOf(hidden, command);
  return join.length === 0 ? hiding : ["sh", "-ec", JOIN, "sh", join.join("\n"), ...hiding];
}
