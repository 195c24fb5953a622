import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { HostPaths, NodePaths } from "../place/paths.ts";
import { type NodeEvent, olderOf, readEvents } from "./event-log.ts";
import { type LogTail, logTails } from "./node-logs.ts";

/**
 * What stays of deleted nodes: who they were, what happened to them and what they printed last, so that "why did it fail" can still be
 * answered. In `history/<id>/`: `node.json`, `events.jsonl`, `logs/`. The last 32 nodes, at most 30 days, never a node's data.
 */
const maxNodes = 32;
const maxAgeMs = 30 * 24 * 3600_000;
const maxLogBytes = 256 * 1024;

const summarySchema = z.object({ id: z.string(), name: z.string(), deleted_at: z.number(), state: z.unknown() });

export interface DeletedNode {
  readonly id: string;
  readonly name: string;
  /** Epoch milliseconds. */
  readonly deletedAt: number;
  /** The node's state without the values of its properties. */
  readonly state: unknown;
}

/** Keeps the logs while the root file system they lie in is still there. Repeated, it takes what is there now. */
export async function keepLogs(host: HostPaths, paths: NodePaths): Promise<void> {
  const target = join(host.history, paths.id, "logs");
  for await (const { name, content } of logTails(paths, maxLogBytes)) {
    const path = join(target, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, { mode: 0o600 });
  }
}

/** Keeps who the node was, and its events so far. Older histories make room. */
export async function keepSummary(
  host: HostPaths,
  paths: NodePaths,
  node: { readonly name: string; readonly properties: Readonly<Record<string, string>> },
): Promise<void> {
  const folder = join(host.history, paths.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const copies = [paths.events, olderOf(paths.events)].map((from) =>
    copyFile(from, join(folder, from.slice(paths.directory.length + 1))).catch(() => {}),
  );
  await Promise.all(copies);
  const summary = { id: paths.id, name: node.name, deleted_at: Date.now(), state: withoutValues(node) };
  await writeFile(join(folder, ".node.json"), JSON.stringify(summary), { mode: 0o600 });
  await rename(join(folder, ".node.json"), join(folder, "node.json"));
  await prune(host);
}

/** Parameters may hold passwords; that they were given is all that is told. */
export function withoutValues<T extends { readonly properties: Readonly<Record<string, string>> }>(state: T): T {
  const properties = Object.fromEntries(Object.keys(state.properties).map((key) => [key, "***"]));
  const { upgrade, state_backup: backup } = state as {
    upgrade?: { target?: object } | null;
    state_backup?: object | null;
  };
  const masked = (content: object): object => ("properties" in content ? { ...content, properties: "***" } : content);
  return {
    ...state,
    properties,
    ...(backup ? { state_backup: masked(backup) } : {}),
    ...(upgrade?.target ? { upgrade: { ...upgrade, target: masked(upgrade.target) } } : {}),
  };
}

/** By id, its beginning, or name: the one that was deleted last. */
export async function findDeleted(host: HostPaths, reference: string): Promise<DeletedNode | undefined> {
  const all = (await deletedNodes(host)).toSorted((a, b) => b.deletedAt - a.deletedAt);
  return (
    all.find(({ id, name }) => id === reference || name === reference) ?? all.find(({ id }) => id.startsWith(reference))
  );
}

export function eventsOfDeleted(host: HostPaths, id: string): Promise<readonly NodeEvent[]> {
  return readEvents(eventsPathOfDeleted(host, id));
}

export function eventsPathOfDeleted(host: HostPaths, id: string): string {
  return join(host.history, id, "events.jsonl");
}

export async function* logsOfDeleted(host: HostPaths, id: string): AsyncGenerator<LogTail> {
  const folder = join(host.history, id, "logs");
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of names.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    yield { name: path.slice(folder.length + 1), content: await readFile(path) };
  }
}

async function deletedNodes(host: HostPaths): Promise<readonly DeletedNode[]> {
  const ids = await readdir(host.history).catch(() => []);
  const found = await Promise.all(
    ids.map(async (id) => {
      const text = await readFile(join(host.history, id, "node.json"), "utf8").catch(() => undefined);
      const summary = text === undefined ? undefined : summarySchema.safeParse(parsed(text)).data;
      return summary && { id, name: summary.name, deletedAt: summary.deleted_at, state: summary.state };
    }),
  );
  return found.filter((node) => node !== undefined);
}

async function prune(host: HostPaths): Promise<void> {
  const ids = await readdir(host.history).catch(() => []);
  const aged = await Promise.all(
    ids.map(async (id) => {
      // Without a summary: logs of a deletion that is under way. They count from when they were kept.
      const { mtimeMs } = await stat(join(host.history, id)).catch(() => ({ mtimeMs: 0 }));
      return { id, at: mtimeMs };
    }),
  );
  const newestFirst = aged.toSorted((a, b) => b.at - a.at);
  const surplus = newestFirst.filter(({ at }, index) => index >= maxNodes || Date.now() - at > maxAgeMs);
  for (const { id } of surplus) await rm(join(host.history, id), { recursive: true, force: true });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
