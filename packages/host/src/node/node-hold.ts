import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readVersioned, writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { identifyProcess, isAlive } from "../runtime/process-identity.ts";
import type { NodeActor } from "./node-actor.ts";
import type { NodeParts } from "./node-host.ts";

/** In the node's directory, which only the host writes to: a process that works on the data of the node while it is down. */
const fileName = "held.json";

const hold = z.object({
  pid: z.number().int(),
  startTicks: z.number().int(),
  bootId: z.string(),
  /** The command, for people. */
  by: z.string(),
});

/** What works on the data of a node that is down. */
export interface Holder {
  /** The command, for people. */
  readonly by: string;
  /** Undefined: it is about to begin. */
  pid?: number;
  /** When it does so no more, and how that is told. */
  readonly gone: PromiseWithResolvers<void>;
}

/** @throws HostError `busy` while something like `bv archive fetch` works on the node's data; what a dead process left does not count */
export async function refuseHeld(actor: NodeActor): Promise<void> {
  refuseHeldNow(actor);
  const held = await readVersioned(join(actor.parts.paths.directory, fileName), { version: 1, schema: hold });
  // A daemon that was killed may have left one that has not noticed yet.
  if (held !== undefined && isAlive(held)) throw isHeld(actor, held);
}

/** As `refuseHeld`, of what this daemon knows: for a turn of the node, in which nothing else can begin. */
export function refuseHeldNow(actor: NodeActor): void {
  const { holder } = actor.parts;
  if (holder !== undefined) throw isHeld(actor, holder);
}

function isHeld(actor: NodeActor, { by, pid }: Pick<Holder, "by" | "pid">): HostError {
  const { name } = actor.snapshot().state;
  const process = pid === undefined ? "" : ` (pid ${pid})`;
  return new HostError("busy", `\`${by}\`${process} works on the data of node \`${name}\``, {
    hint: `wait until it is done, or end it: bv node stop ${name}`,
  });
}

/**
 * Keeps a stopped node from being started until `release`, for what is about to work on its data. In a turn of the node: it is stopped
 * then, and whatever wants to start it after that is refused. Error `busy`.
 */
export async function holdData(actor: NodeActor, by: string): Promise<Holder> {
  if (actor.snapshot().state.expected_status !== "Stopped") throw notStopped(actor);
  return actor.exclusively(async () => {
    if (actor.snapshot().status !== "Stopped") throw notStopped(actor);
    await refuseHeld(actor);
    const holder: Holder = { by, gone: Promise.withResolvers() };
    actor.parts.holder = holder;
    return holder;
  });
}

/** Whose process it is, for the next daemon if this one is killed. */
export async function nameHolder({ paths }: NodeParts, holder: Holder, pid: number): Promise<void> {
  holder.pid = pid;
  const identity = identifyProcess(pid);
  if (identity === undefined) return;
  const { by } = holder;
  await writeDurable(join(paths.directory, fileName), JSON.stringify({ schema_version: 1, ...identity, by }));
}

export async function releaseData(parts: NodeParts): Promise<void> {
  parts.holder?.gone.resolve();
  parts.holder = undefined;
  await rm(join(parts.paths.directory, fileName), { force: true });
}

function notStopped(actor: NodeActor): HostError {
  const { name } = actor.snapshot().state;
  return new HostError("busy", `node ${name} is not stopped: its jobs could change the data meanwhile`, {
    hint: `stop it first: bv node stop ${name}`,
  });
}
