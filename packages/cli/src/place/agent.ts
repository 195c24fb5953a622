import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../failure/failure.ts";

/**
 * Where the agent may be: `BV_AGENT_DIR`, else beside the running program (dist/bundles/bv.js → dist/agent,
 * packages/cli/src/… → dist/agent).
 */
export function agentDirectories(env: NodeJS.ProcessEnv): readonly string[] {
  const configured = env["BV_AGENT_DIR"];
  if (configured) return [configured];
  return ["../agent", "../../../../dist/agent"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
}

/** Command line of the agent's archive tool on this machine, outside of nodes. */
export function archiveToolCommand(env: NodeJS.ProcessEnv): readonly [program: string, ...args: string[]] {
  const places = agentDirectories(env);
  for (const directory of places) {
    const archive = archiveOf(directory);
    const [program, ...args] = (archive ?? []).slice(0, -1).map((word) => word.replaceAll("{dir}", directory));
    if (program !== undefined) return [program, ...args, "archive-tool"];
  }
  throw new Failure("tool-missing", "the agent that comes with bv is not there", {
    causes: places.map((place) => `${join(place, "agent.json")} cannot be used`),
    hint: "build it with `./dev setup`, or point BV_AGENT_DIR at a directory with agent.json",
  });
}

/** How the agent starts an archive job; its last word is the verb. */
function archiveOf(directory: string): readonly string[] | undefined {
  try {
    const { archive } = JSON.parse(readFileSync(join(directory, "agent.json"), "utf8")) as {
      readonly archive?: unknown;
    };
    return Array.isArray(archive) && archive.every((word) => typeof word === "string") ? archive : undefined;
  } catch {
    return undefined;
  }
}
