import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { parseVersioned, readVersioned, syncDirectory, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import { type NodeState, nodeStateSchema, schemaVersion } from "./node-state.ts";

/** A node directory that is there, but whose state is not readable: shown, protected, to be repaired or deleted (spec DB-1.5). */
export interface BrokenNode {
  readonly id: string;
  /** What can still be read of its state; else its id. */
  readonly name: string;
  /** Undefined: nobody can tell. */
  readonly devMode: boolean | undefined;
  readonly reason: string;
}

export type StoredNode =
  | { readonly kind: "node"; readonly state: NodeState }
  | ({ readonly kind: "broken" } & BrokenNode);

export async function saveState(paths: HostPaths, state: NodeState): Promise<void> {
  await writeDurable(nodePaths(paths, state.id).state, JSON.stringify({ ...state, schema_version: schemaVersion }));
}

/**
 * Makes the directory of a new node and its first state, the journal of its creation. Refuses a directory that exists: data of a node
 * that this daemon does not know are never overwritten (spec DB-4.5).
 */
export async function createStore(paths: HostPaths, state: NodeState): Promise<void> {
  const { directory } = nodePaths(paths, state.id);
  await mkdir(paths.nodes, { recursive: true, mode: 0o700 });
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new HostError("conflict", `node directory exists: ${directory}`, {
      hint: "it may hold data of an earlier node: move it away, or remove it, and try again",
    });
  }
  await saveState(paths, state);
  await syncDirectory(paths.nodes);
}

/** All nodes on disk. A directory without any state is a creation that was cut before it began; its id is returned under `empty`. */
export async function loadStore(
  paths: HostPaths,
): Promise<{ readonly nodes: readonly StoredNode[]; readonly empty: readonly string[] }> {
  await mkdir(paths.nodes, { recursive: true, mode: 0o700 });
  const nodes: StoredNode[] = [];
  const empty: string[] = [];
  for (const entry of await readdir(paths.nodes, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    const found = await loadNode(paths, entry.name);
    if (found === undefined) empty.push(entry.name);
    else nodes.push(found);
  }
  return { nodes, empty };
}

const format = { version: schemaVersion, schema: nodeStateSchema } as const;

/** Undefined: the directory does not hold anything yet. */
export async function loadNode(paths: HostPaths, id: string): Promise<StoredNode | undefined> {
  const { state: path, directory } = nodePaths(paths, id);
  const broken = async (reason: string): Promise<StoredNode> => ({
    kind: "broken",
    id,
    reason,
    ...(await remains(path, id)),
  });
  try {
    const state = await readVersioned(path, format);
    if (state === undefined) {
      const isEmpty = (await readdir(directory)).every((name) => name.startsWith(".state.json."));
      return isEmpty ? undefined : await broken("state.json is missing");
    }
    return state.id === id ? { kind: "node", state } : await broken(`state.json belongs to node ${state.id}`);
  } catch (error) {
    return broken((error as Error).message);
  }
}

/** Makes `text` the state of a broken node; what was there is kept beside it. Error `invalid`. */
export async function replaceState(paths: HostPaths, id: string, text: string): Promise<void> {
  const { state: path } = nodePaths(paths, id);
  const hint = "give a state.json of this very node, e.g. from a backup";
  let state: NodeState;
  try {
    state = parseVersioned("the given state", text, format);
  } catch (error) {
    throw new HostError("invalid", (error as Error).message, { hint });
  }
  if (state.id !== id) throw new HostError("invalid", `the given state belongs to node ${state.id}`, { hint });
  await copyFile(path, `${path}.unreadable-${Date.now()}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await saveState(paths, state);
}

/** More than any state has. */
const maxRemains = 1_000_000;

/** What a text that is no state tells of its node all the same. */
async function remains(path: string, id: string): Promise<Pick<BrokenNode, "name" | "devMode">> {
  const text = (await readFile(path, "utf8").catch(() => "")).slice(0, maxRemains);
  const name = /"name":\s*"([^"\\]{1,64})"/.exec(text)?.[1] ?? id;
  const devMode = /"dev_mode":\s*(true|false)/.exec(text)?.[1];
  return { name, devMode: devMode === undefined ? undefined : devMode === "true" };
}
