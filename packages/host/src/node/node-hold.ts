import { join } from "node:path";
import { z } from "zod";
import { readVersioned } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { NodePaths } from "../place/paths.ts";
import { isAlive } from "../runtime/process-identity.ts";

/** In the node's directory, which only the host writes to: a process that works on the data of the node while it is down. */
const fileName = "held.json";

const hold = z.object({
  pid: z.number().int(),
  startTicks: z.number().int(),
  bootId: z.string(),
  /** The command, for people. */
  by: z.string(),
});

/** @throws HostError `busy` while a process outside, like `bv archive fetch`, works on the node's data; what a dead one left does not count */
export async function refuseHeld({ directory }: Pick<NodePaths, "directory">, name: string): Promise<void> {
  const held = await readVersioned(join(directory, fileName), { version: 1, schema: hold });
  if (held === undefined || !isAlive(held)) return;
  throw new HostError("busy", `\`${held.by}\` (pid ${held.pid}) works on the data of node \`${name}\``, {
    hint: "wait until it is done, or end it",
  });
}
