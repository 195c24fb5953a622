import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { HostError } from "../errors/host-error.ts";

/** Where the bundle appears inside every node, read-only. */
export const agentMountPoint = "/usr/lib/blockvisor";

const manifest = z.object({
  version: z.string(),
  command: z.array(z.string()).min(1),
  init: z.array(z.string()).min(1),
  shell: z.array(z.string()).min(1),
  archive: z.array(z.string()).min(2),
});

/** The agent that is bind-mounted into nodes: Node, its libraries, a shell, an init and babel (packages/babel/README.md). */
export interface AgentBundle {
  readonly directory: string;
  readonly version: string;
  /** argv of babel inside the node. */
  readonly command: readonly string[];
  /** argv of the container's first process. */
  readonly init: readonly string[];
  /** Beginning of the argv of a shell for people, in images with a shell and without. */
  readonly shell: readonly string[];
  /** argv of the archive tool on this machine, outside of nodes. */
  readonly archiveTool: readonly string[];
}

/** `BV_AGENT_DIR`, else beside the running program: dist/bundles/blockvisord.js → dist/agent, packages/host/src/… → dist/agent. */
export function agentCandidates(env: NodeJS.ProcessEnv, moduleUrl: string): readonly string[] {
  const configured = env["BV_AGENT_DIR"];
  if (configured) return [configured];
  return ["../agent", "../../../../dist/agent"].map((path) => fileURLToPath(new URL(path, moduleUrl)));
}

export async function loadAgentBundle(candidates: readonly string[]): Promise<AgentBundle> {
  for (const directory of candidates) {
    const text = await readFile(join(directory, "agent.json"), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const { version, command, init, shell, archive } = manifest.parse(JSON.parse(text));
    const at = (place: string, argv: readonly string[]): string[] =>
      argv.map((word) => word.replaceAll("{dir}", place));
    const inNode = (argv: readonly string[]): string[] => at(agentMountPoint, argv);
    return {
      directory,
      version,
      command: inNode(command),
      init: inNode(init),
      shell: inNode(shell),
      // The last word is the verb of archive jobs.
      archiveTool: [...at(directory, archive.slice(0, -1)), "archive-tool"],
    };
  }
  throw new HostError("failed", `babel binary bundled with BV not found: ${candidates.join(", ")}`, {
    hint: "build it with `./dev setup`, or point BV_AGENT_DIR at a directory with agent.json",
  });
}
