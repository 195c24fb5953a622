import { rm } from "node:fs/promises";
import { faultOf, isDiskFull, TransferFault } from "../transfer/fault.ts";
import { isKind, pause } from "../transfer/retry.ts";
import { bodyPieces } from "./body.ts";
import type { BodyMemory } from "./body-memory.ts";
import { type Sending, sendObject } from "./object-sender.ts";
import type { Permits } from "./permits.ts";
import type { Preparation, Prepared } from "./prepare.ts";
import type { PreparingThreads } from "./preparing-threads.ts";
import type { SlotDesk } from "./slot-desk.ts";
import { SourceChanged, type SourceRange } from "./source-reader.ts";
import type { SlotWish } from "./target.ts";
import type { StoredPart } from "./upload-state.ts";

export type ChunkWork = {
  /** For messages. */
  readonly name: string;
  readonly wish: SlotWish;
  readonly root: string;
  readonly ranges: () => readonly SourceRange[];
  readonly level: number | undefined;
  readonly mayStayRaw: boolean;
  /** Id that the content has to have. */
  readonly id?: string;
  readonly spool: string;
  /** Share of the chunk that was sent. */
  readonly onShare: (share: number) => void;
};

export type ChunkTools = {
  readonly threads: PreparingThreads;
  /** As many chunks are prepared at the same time. */
  readonly preparing: Permits;
  readonly memory: BodyMemory;
  readonly sending: Sending;
  /** The disk is full, or no longer. */
  readonly onPause: (reason: string | undefined) => void;
  readonly diskWaitMs?: number;
};

const CORRUPT_RETRIES = 3;
const DISK_WAIT_MS = 60_000;
const DISK_WAITS = 360;

/** Prepares one chunk and stores it. @throws SourceChanged, TransferFault */
export async function uploadChunk(work: ChunkWork, desk: SlotDesk, tools: ChunkTools): Promise<StoredPart> {
  for (let failed = 0; ; failed++) {
    let memory: SharedArrayBuffer | undefined;
    const lend = (): SharedArrayBuffer | undefined => {
      memory ??= tools.memory.borrow();
      return memory;
    };
    try {
      const prepared = await prepare({ ...work, hashOnly: false }, tools, lend);
      if (work.id !== undefined && prepared.content !== work.id) throw contentChanged(work);
      return await send(work, prepared, desk, tools);
    } catch (error) {
      if (!isKind(error, "corrupt") || failed === CORRUPT_RETRIES) throw error;
      tools.sending.log(`${work.name}: ${(error as Error).message}; preparing it again`);
    } finally {
      tools.memory.giveBack(memory);
      await rm(work.spool, { force: true });
    }
  }
}

/** @returns sha256 of the chunk's content @throws SourceChanged */
export async function identifyChunk(
  work: Pick<ChunkWork, "root" | "ranges" | "spool">,
  tools: ChunkTools,
): Promise<string> {
  const task = { ...work, level: undefined, mayStayRaw: false, hashOnly: true };
  return (await prepare(task, tools, () => undefined)).content;
}

/** A full disk is waited for; it is the node's own, and the services need it more. (§9.6) */
async function prepare(
  work: Omit<Preparation, "level" | "memory" | "ranges"> & Pick<ChunkWork, "level" | "ranges">,
  { threads, preparing, sending, onPause, diskWaitMs = DISK_WAIT_MS }: ChunkTools,
  lend: () => SharedArrayBuffer | undefined,
): Promise<Prepared> {
  const { root, mayStayRaw, hashOnly, spool } = work;
  const level = work.level === undefined ? {} : { level: work.level };
  for (let waits = 0; ; waits++) {
    const release = await preparing.take(sending.signal);
    try {
      const task = { root, ranges: work.ranges(), ...level, mayStayRaw, hashOnly, spool, memory: lend() };
      return await threads.prepare(task, sending.signal);
    } catch (error) {
      if (error instanceof SourceChanged || isKind(error, "cancelled")) throw error;
      if (!isDiskFull(error)) throw unreadable(error);
      if (waits === DISK_WAITS)
        throw new TransferFault("environment", `the disk is full: ${(error as Error).message}`, { cause: error });
      await rm(spool, { force: true });
    } finally {
      release();
    }
    const reason = "waiting for disk space for a compressed chunk";
    if (waits === 0) sending.log(reason);
    onPause(reason);
    await pause(diskWaitMs, sending.signal);
    onPause(undefined);
  }
}

async function send(work: ChunkWork, prepared: Prepared, desk: SlotDesk, tools: ChunkTools): Promise<StoredPart> {
  const { size, checksum, content, body } = prepared;
  const codec = work.level !== undefined && body.kind === "source" && size > 0 ? { codec: "none" as const } : {};
  const sha256 = { algorithm: "sha256" as const, hex: checksum };
  const given = await sendObject(
    {
      name: work.name,
      wish: work.wish,
      size,
      checksum,
      pieces: () => bodyPieces(body, work),
      volatile: body.kind === "source",
      onSent: (bytes) => work.onShare(size === 0 ? 1 : bytes / size),
    },
    desk,
    tools.sending,
  );
  if (!("url" in given)) return { key: content, content, ...given };
  return { key: given.key, size, checksum: sha256, content, ...codec };
}

const contentChanged = (work: ChunkWork): TransferFault =>
  new TransferFault("corrupt", `${work.name} is read differently than before`);

function unreadable(error: unknown): TransferFault {
  const { kind, message } = faultOf(error);
  return new TransferFault(kind === "transient" ? "permanent" : kind, `can't read the data: ${message}`, {
    cause: error,
  });
}
