import { mkdir, readdir } from "node:fs/promises";
import { readVersioned, syncDirectory, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import { type NodeState, nodeStateSchema, schemaVersion } from "./node-state.ts";

/** A node directory that is there, but whose state is not readable: shown, protected, and only good for deleting (spec DB-1.5). */
export interface BrokenNode {
  readonly id: string;
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

/** Undefined: the directory does not hold anything yet. */
export async function loadNode(paths: HostPaths, id: string): Promise<StoredNode | undefined> {
  const { state: path, directory } = nodePaths(paths, id);
  try {
    const state = await readVersioned(path, { version: schemaVersion, schema: nodeStateSchema });
    if (state === undefined) {
      const isEmpty = (await readdir(directory)).every((name) => name.startsWith(".state.json."));
      return isEmpty ? undefined : { kind: "broken", id, reason: "state.json is missing" };
    }
    if (state.id === id) return { kind: "node", state };
    return { kind: "broken", id, reason: `state.json belongs to node ${state.id}` };
  } catch (error) {
    return { kind: "broken", id, reason: (error as Error).message };
  }
}
