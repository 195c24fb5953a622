import { mkdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readVersioned, removeDurable, writeInMemory } from "../durable/index.ts";
import { bootId } from "../runtime/process-identity.ts";
import type { NodeNetworkHandle, NodeNetworkSpec } from "./node-network.ts";

/** What was made for a node. Written before anything is made, so that nothing is ever without an owner. */
interface NetworkRecord {
  readonly spec: NodeNetworkSpec;
  /** Set when everything is up: the link as it was then. */
  readonly complete?: { readonly handle: NodeNetworkHandle; readonly interfaceIndex: number; readonly bootId: string };
}

const format = {
  version: 1,
  schema: z.object({
    spec: z.object({
      nodeId: z.string(),
      bridge: z.string(),
      addresses: z.array(z.object({ ip: z.string(), prefix: z.number() })),
      gateways: z.array(z.string()),
    }),
    complete: z
      .object({
        handle: z.object({
          namespacePath: z.string(),
          hostInterface: z.string(),
          mac: z.string(),
          addresses: z.array(z.string()),
        }),
        interfaceIndex: z.number(),
        bootId: z.string(),
      })
      .exactOptional(),
  }),
} as const;

export interface NetworkRecords {
  find(nodeId: string): Promise<NetworkRecord | undefined>;
  put(record: NetworkRecord): Promise<void>;
  remove(nodeId: string): Promise<void>;
  list(): Promise<readonly string[]>;
}

export function createNetworkRecords(directory: string): NetworkRecords {
  const path = (nodeId: string) => join(directory, `${nodeId}.json`);
  /** Each network that is set up is compared with all others: with hundreds of nodes reading them every time would take seconds. */
  const read = new Map<string, { readonly version: string; readonly record: NetworkRecord | undefined }>();

  async function recordOf(nodeId: string): Promise<NetworkRecord | undefined> {
    const stats = statSync(path(nodeId), { throwIfNoEntry: false });
    if (stats === undefined) {
      read.delete(nodeId);
      return undefined;
    }
    // Records are replaced, never changed.
    const version = `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
    const known = read.get(nodeId);
    if (known?.version === version) return known.record;
    // Links do not outlive a boot: a record that a power loss has torn is about none.
    const record = await readVersioned(path(nodeId), format).catch(() => undefined);
    read.set(nodeId, { version, record });
    return record;
  }

  return {
    async find(nodeId) {
      const record = await recordOf(nodeId);
      if (!record?.complete || record.complete.bootId === bootId()) return record;
      return { spec: record.spec };
    },
    async put(record) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeInMemory(path(record.spec.nodeId), JSON.stringify({ schema_version: format.version, ...record }));
    },
    async remove(nodeId) {
      await removeDurable(path(nodeId)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    },
    async list() {
      const names = await readdir(directory).catch(() => []);
      return names.filter((name) => /^[^.].*\.json$/.test(name)).map((name) => name.slice(0, -".json".length));
    },
  };
}
