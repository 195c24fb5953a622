import { statfs } from "node:fs/promises";
import { reportOf } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";
import { stopped } from "../service/node-operations.ts";
import { type Claim, claimOf, type Holding, holdingsOf, otherDisks } from "./disk-claims.ts";

/** Between two looks: the slower where there is space enough, the quicker the sooner it would run out. */
const lookMs = { slowest: 1_000, quickest: 100 } as const;
/** A file system with less than this share of its space left, or than so many bytes if that is less, is in danger. */
const reserve = { share: 0.05, bytes: 10_000_000_000 } as const;
/** A node that would need longer for the rest of the disk is not what fills it. */
const soonMs = 600_000;
const gb = 1_000_000_000;
/** From so much of it in use a disk is told of, each time in the log; from the last on something is wrong with the host (spec host-daemon DB-5.9). */
const alertShares = [0.8, 0.9, 0.95] as const;

interface Disk {
  readonly at: number;
  /** Of what can be used at all. */
  readonly usedShare: number;
  readonly free: number;
  /** Bytes above the reserve. */
  readonly spare: number;
  /** How quickly that has become less since the look before; at least a little. */
  readonly bytesPerMs: number;
  /** What its nodes use, where they were counted. */
  readonly claims: readonly Claim[];
}

export interface DiskGuard {
  /** The fullest disk, if it is worth telling. */
  conditions(): { readonly name: "disk"; readonly ok: boolean; readonly message: string }[];
  stop(): void;
}

/**
 * Keeps nodes from filling the disk that the daemon and the other nodes live on (spec host-daemon DB-5.9). Few file systems have
 * project quotas switched on, and a disk image per node would give up reflinks and instant growth; so nodes are held to the space they
 * asked for only where it runs out: of those that have more, the one that takes the rest most quickly is killed and stopped. What it
 * wrote stays. A node within its share is never touched.
 */
export function guardDisks(host: NodeHost, nodes: NodeTable): DiskGuard {
  let disks: ReadonlyMap<string, Disk> = new Map();
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const running = nodes.actors().filter((actor) => actor.snapshot().seen.container === "running");
    const looked = new Map<string, Disk>();
    let next: number = lookMs.slowest;
    for (const folder of new Set([host.paths.nodes, ...running.flatMap(otherDisks)])) {
      const before = disks.get(folder);
      const disk = await lookAt(folder, running, before).catch(() => undefined);
      if (disk === undefined) continue;
      looked.set(folder, disk);
      const level = alertLevel(disk);
      if (level > (before ? alertLevel(before) : 0)) host.log.warn(useText(folder, disk));
      const filler = fillerOf(disk, before?.claims ?? []);
      if (filler !== undefined) await stopFiller(filler);
      next = Math.min(next, disk.spare / disk.bytesPerMs / 4);
    }
    disks = looked;
    timer = setTimeout(again, Math.max(next, lookMs.quickest)).unref();
  };
  const again = (): void => {
    look().catch((error: unknown) => {
      host.log.error(`disk: ${reportOf(error).message}`);
      timer = setTimeout(again, lookMs.slowest).unref();
    });
  };
  again();
  return {
    conditions: () =>
      [...disks]
        .toSorted(([, a], [, b]) => b.usedShare - a.usedShare)
        .slice(0, 1)
        .filter(([, fullest]) => alertLevel(fullest) > 0)
        .map(([folder, fullest]) => ({
          name: "disk",
          ok: alertLevel(fullest) < alertShares.length,
          message: useText(folder, fullest),
        })),
    stop: () => clearTimeout(timer),
  };
}

function alertLevel({ usedShare }: Disk): number {
  return alertShares.filter((share) => usedShare >= share).length;
}

function useText(folder: string, { usedShare, free }: Disk): string {
  return `${Math.floor(usedShare * 100)} % of the disk of ${folder} is in use, ${size(free)} are free`;
}

async function lookAt(folder: string, running: readonly NodeActor[], before: Disk | undefined): Promise<Disk> {
  const { bavail, bfree, blocks, bsize } = await statfs(folder);
  const at = performance.now();
  const free = bavail * bsize;
  const usedShare = (blocks - bfree) / Math.max(blocks - bfree + bavail, 1);
  const spare = free - Math.min(blocks * bsize * reserve.share, reserve.bytes);
  const shrunk = before === undefined ? 0 : (before.free - free) / (at - before.at);
  const claims = spare < 0 ? await Promise.all(holdingsOn(folder, running).map(claimOf)) : [];
  return { at, usedShare, free, spare, bytesPerMs: Math.max(shrunk, 1), claims };
}

function holdingsOn(folder: string, running: readonly NodeActor[]): readonly Holding[] {
  return running.flatMap(holdingsOf).filter(({ disk }) => disk === folder);
}

/** The node that fills the disk, if one does. One with too many files to count is suspected when no other is seen to. */
function fillerOf({ free, claims }: Disk, earlier: readonly Claim[]): Claim | undefined {
  const suspects = claims.flatMap((claim) => {
    const before = earlier.find(({ actor }) => actor === claim.actor);
    if (before === undefined || claim.used <= claim.allowed) return [];
    if (!claim.complete) return [{ claim, bytesPerMs: 0 }];
    const bytesPerMs = (claim.here - before.here) / (claim.at - before.at);
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
  const problem = { code: "disk_full", message, hint, since: Date.now(), attempts: 0, next_attempt: null };
  // What is done with the node is given up first, so that it does not take the kill for a failure of its own.
  const stopping = actor.operate({
    origin: "disk-guard",
    kind: "stop",
    force: true,
    change: (state) => ({ ...stopped(state, true), problem }),
  });
  // Not one more byte: even a forced stop takes its time.
  await Promise.all([stopping, actor.parts.host.runtime.kill(actor.id)]);
}

function size(bytes: number): string {
  return bytes >= gb ? `${(bytes / gb).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
