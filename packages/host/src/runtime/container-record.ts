import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { z } from "zod";
import { readVersioned, removeDurable, writeForThisBoot } from "../durable/index.ts";
import type { ContainerSpec } from "./container-runtime.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** `<node>/container.json`: what to run, and what runs. The only memory an adapter has beyond its own process. */
export interface ContainerRecord {
  readonly kind: "oci" | "apptainer";
  readonly spec: ContainerSpec;
  /** Set when init was started, removed when it was stopped; whether it lives is always looked up. */
  readonly init?: ProcessIdentity;
  /** What the cgroup had counted when init was started. */
  readonly oomKillsBefore?: number;
}

const identity = z.object({ pid: z.number().int(), startTicks: z.number(), bootId: z.string() });
const strings = z.record(z.string(), z.string());
const spec = z.object({
  nodeId: z.string(),
  runtime: z.enum(["oci", "apptainer"]).exactOptional(),
  rootfs: z.string(),
  idBase: z.number().int().exactOptional(),
  privileged: z.boolean().exactOptional(),
  init: z.array(z.string()).min(1),
  env: strings,
  hostname: z.string(),
  network: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("host") }),
    z.object({ kind: z.literal("namespace"), path: z.string() }),
  ]),
  mounts: z.array(z.object({ source: z.string(), destination: z.string(), readOnly: z.boolean() })),
  ramdisks: z.array(z.object({ mountPoint: z.string(), sizeMb: z.number() })),
  limits: z.object({
    memoryBytes: z.number().exactOptional(),
    cpus: z.array(z.number()).exactOptional(),
    cpuTime: z.number().exactOptional(),
    pids: z.number().exactOptional(),
  }),
  logPath: z.string(),
});
const format = {
  version: 1,
  schema: z.object({
    kind: z.enum(["oci", "apptainer"]),
    spec,
    init: identity.exactOptional(),
    oomKillsBefore: z.number().exactOptional(),
  }),
} as const;

/** Reads and writes the records of all nodes; reads each from disk once. */
export interface ContainerRecords {
  find(nodeId: string): Promise<ContainerRecord | undefined>;
  /** Error `container-unknown`. */
  get(nodeId: string): Promise<ContainerRecord>;
  put(nodeId: string, record: ContainerRecord): Promise<void>;
  remove(nodeId: string): Promise<void>;
}

export function createContainerRecords(nodeDirectory: (nodeId: string) => string): ContainerRecords {
  /** Nobody else writes them. `undefined`: there is none. */
  const known = new Map<string, ContainerRecord | undefined>();
  const path = (nodeId: string) => join(nodeDirectory(checkedNodeId(nodeId)), "container.json");
  return {
    async find(nodeId) {
      if (known.has(nodeId)) return known.get(nodeId);
      const record = await readVersioned(path(nodeId), format).catch((error: unknown) => {
        // Not waited for when it was written: what a power loss has torn is about a container that it has ended.
        if (isOperationError(error, "state-unreadable") && error.cause instanceof SyntaxError) return undefined;
        throw error;
      });
      // What was written meanwhile is newer.
      if (!known.has(nodeId)) known.set(nodeId, record);
      return known.get(nodeId);
    },

    async get(nodeId) {
      const record = await this.find(nodeId);
      if (record) return record;
      throw new OperationError("container-unknown", `node ${nodeId} has no container`, {
        fix: "start the node, which makes one",
      });
    },

    async put(nodeId, record) {
      const target = path(nodeId);
      mkdirSync(nodeDirectory(nodeId), { recursive: true, mode: 0o700 });
      known.delete(nodeId);
      await writeForThisBoot(target, JSON.stringify({ schema_version: format.version, ...record }));
      known.set(nodeId, record);
    },

    async remove(nodeId) {
      known.delete(nodeId);
      await removeDurable(path(nodeId)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    },
  };
}

/** Node ids become file, cgroup and container names; nothing else may get that far. */
export function checkedNodeId(nodeId: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(nodeId)) return nodeId;
  throw new OperationError("container-unknown", `'${nodeId.slice(0, 100)}' is no node id`);
}
