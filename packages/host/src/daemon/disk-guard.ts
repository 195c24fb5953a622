import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { reportOf } from "../errors/host-error.ts";
import { diskUse } from "../metrics/disk-use.ts";
import type { NodeActor } from "../node/node-actor.ts";
import { dataOf } from "../node/node-data.ts";
import type { NodeTable } from "../node/node-table.ts";

/** Between two looks: the slower where there is space enough, the quicker the sooner it would run out. */
const lookMs = { slowest: 1_000, quickest: 100 } as const;
/** A file system with less than this share of its space left, or than so many bytes if that is less, is in danger. */
const reserve = { share: 0.05, bytes: 10_000_000_000 } as const;
/** What takes longer to count is large enough. */
const countMs = 5_000;
/** A node that would need longer for the rest of the disk is not what fills it. */
const soonMs = 600_000;
const gb = 1_000_000_000;

interface Disk {
  readonly at: number;
  readonly free: number;
  /** Bytes above the reserve. */
  readonly spare: number;
  /** How quickly that has become less since the look before; at least a little. */
  readonly bytesPerMs: number;
  /** What its nodes use, where they were counted. */
  readonly claims: readonly Claim[];
}

/** Bytes; used: what lies in the node's data, what it has changed of its root, and its logs. */
interface Claim {
  readonly actor: NodeActor;
  readonly at: number;
  readonly used: number;
  readonly complete: boolean;
  readonly allowed: number;
}

/**
 * Keeps nodes from filling the disk that the daemon and the other nodes live on (spec host-daemon DB-5.9). Few file systems have
 * project quotas switched on, and a disk image per node would give up reflinks and instant growth; so nodes are held to the space they
 * asked for only where it runs out: of those that have more, the one that takes the rest most quickly is killed and stopped. What it
 * wrote stays. A node within its share is never touched.
 */
export function guardDisks(nodes: NodeTable): { stop(): void } {
  const disks = new Map<string, Disk>();
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const running = nodes.actors().filter((actor) => actor.snapshot().seen.container === "running");
    let next: number = lookMs.slowest;
    for (const [folder, actors] of Map.groupBy(running, diskFolder)) {
      const before = disks.get(folder);
      const disk = await lookAt(folder, actors, before).catch(() => undefined);
      if (disk === undefined) continue;
      disks.set(folder, disk);
      const filler = fillerOf(disk, before?.claims ?? []);
      if (filler !== undefined) await stopFiller(filler);
      next = Math.min(next, disk.spare / disk.bytesPerMs / 4);
    }
    timer = setTimeout(again, Math.max(next, lookMs.quickest)).unref();
  };
  const again = (): void => {
    look().catch((error: unknown) => {
      nodes.actors()[0]?.parts.log.error(`disk: ${reportOf(error).message}`);
      timer = setTimeout(again, lookMs.slowest).unref();
    });
  };
  again();
  return { stop: () => clearTimeout(timer) };
}

async function lookAt(folder: string, actors: readonly NodeActor[], before: Disk | undefined): Promise<Disk> {
  const { bavail, blocks, bsize } = await statfs(folder);
  const at = performance.now();
  const free = bavail * bsize;
  const spare = free - Math.min(blocks * bsize * reserve.share, reserve.bytes);
  const shrunk = before === undefined ? 0 : (before.free - free) / (at - before.at);
  const claims = spare < 0 ? await Promise.all(actors.map(claimOf)) : [];
  return { at, free, spare, bytesPerMs: Math.max(shrunk, 1), claims };
}

/** Some folder of the file system that the node's data are on. */
function diskFolder(actor: NodeActor): string {
  return actor.snapshot().state.data_directory ?? actor.parts.host.paths.nodes;
}

async function claimOf(actor: NodeActor): Promise<Claim> {
  const { state } = actor.snapshot();
  const { paths } = actor.parts;
  const at = performance.now();
  const deadline = Date.now() + countMs;
  const version = join(paths.directory, "roots", state.image.rootfs);
  const folders = [dataOf(paths, state), join(version, "upper"), join(version, "rootfs")];
  const counts = await Promise.all(folders.map((folder) => diskUse(folder, deadline)));
  const logs = await Promise.all([paths.containerLog, paths.agentLog].map(bytesOf));
  const used = [...counts.map(({ bytes }) => bytes), ...logs].reduce((sum, bytes) => sum + bytes, 0);
  const complete = counts.every((count) => count.complete);
  return { actor, at, used, complete, allowed: state.vm_config.disk_size_gb * gb };
}

/** The node that fills the disk, if one does. One with too many files to count is suspected when no other is seen to. */
function fillerOf({ free, claims }: Disk, earlier: readonly Claim[]): Claim | undefined {
  const suspects = claims.flatMap((claim) => {
    const before = earlier.find(({ actor }) => actor === claim.actor);
    if (before === undefined || claim.used <= claim.allowed) return [];
    if (!claim.complete) return [{ claim, bytesPerMs: 0 }];
    const bytesPerMs = (claim.used - before.used) / (claim.at - before.at);
    return bytesPerMs * soonMs > free ? [{ claim, bytesPerMs }] : [];
  });
  return suspects.toSorted((a, b) => b.bytesPerMs - a.bytesPerMs)[0]?.claim;
}

async function stopFiller({ actor, used, allowed }: Claim): Promise<void> {
  const share = allowed > 0 ? `more than the ${size(allowed)} it asked for` : "and asked for none";
  const message = `stopped because it filled the disk: the node uses ${size(used)}, ${share}`;
  const hint = "free space on the machine, or in the node's data, then start the node again";
  actor.parts.log.error(message);
  actor.parts.events.add({ kind: "found", operation: "stop", code: "disk_full", message });
  // Not one more byte: an orderly stop takes its time.
  await actor.parts.host.runtime.kill(actor.id);
  const problem = { code: "disk_full", message, hint, since: Date.now(), attempts: 0, next_attempt: null };
  await actor.operate({
    kind: "stop",
    change: () => ({ expected_status: "Stopped", restarting: false, paused: false, force: true, problem }),
  });
}

async function bytesOf(file: string): Promise<number> {
  return stat(file).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}

function size(bytes: number): string {
  return bytes >= gb ? `${(bytes / gb).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
