import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { DaemonClient } from "../../daemon/client.ts";
import { Failure } from "../../failure/failure.ts";
import { stateDirectory } from "../../place/root.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The node that a command of one node is about (host-daemon §2.3). A given id, name or prefix is for the daemon to resolve;
 * with none, or `.`, it is the node whose directory we are in, the workspace's active node, or the only local node.
 */
export async function whichNode(daemon: DaemonClient, given: string | undefined): Promise<string> {
  if (given !== undefined && given !== ".") return plainId(given);
  const here = nodeOfDirectory(process.cwd()) ?? activeNodeOfWorkspace(process.cwd());
  if (here) return here;
  const { nodes = [] } = await daemon.call("ListNodes", { local: true });
  const [only] = nodes;
  if (only?.id && nodes.length === 1) return only.id;
  if (nodes.length === 0) {
    throw new Failure("usage", "this machine has no nodes", {
      hint: "`nib image play` makes one from a babel.yaml, `bv node create` one of a published image",
    });
  }
  throw new Failure("usage", "say which node is meant: there are several", {
    excerpt: nodes.map(({ id, name }) => `${name}  ${id}`).join("\n"),
    hint: "give a name, an id or the beginning of one, or run it in a node's directory",
  });
}

/** The written forms of a UUID (hyphenated, 32 digits, braced, urn) are one id; anything else stays as it is. */
export function plainId(given: string): string {
  const bare = given
    .toLowerCase()
    .replace(/^urn:uuid:/, "")
    .replace(/^\{(.*)\}$/, "$1");
  const digits = bare.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/.test(digits) || (bare.includes("-") && !uuid.test(bare))) return given;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function nodeOfDirectory(directory: string): string | undefined {
  let nodes: string;
  try {
    nodes = join(realpathSync(stateDirectory()), "nodes");
  } catch {
    return undefined;
  }
  const [first = ""] = relative(nodes, directory).split(sep);
  return uuid.test(first) ? first : undefined;
}

function activeNodeOfWorkspace(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const path = join(at, ".bv-workspace");
    try {
      const workspace: unknown = JSON.parse(readFileSync(path, "utf8"));
      const id = (workspace as { active_node?: { id?: unknown } } | null)?.active_node?.id;
      if (typeof id === "string") return id;
    } catch (error) {
      if (error instanceof SyntaxError) throw new Failure("file-unreadable", `${path} is not JSON`);
    }
    if (at === dirname(at)) return undefined;
  }
}
