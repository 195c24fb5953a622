import { faultOf, isOverload } from "../transfer/fault.ts";
import { isKind, pause, RetryPolicy, type RetryTimes, type SharedProgress } from "../transfer/retry.ts";
import type { Streams } from "../transfer/streams.ts";
import type { Permits } from "./permits.ts";
import type { ObjectPutter } from "./put.ts";
import { type GivenSlot, isUsable, type SlotDesk } from "./slot-desk.ts";
import { SourceChanged } from "./source-reader.ts";
import type { SlotWish, StoredChunk } from "./target.ts";

/** What sends objects: shared by all chunks, and all clients, of a job. */
export type Sending = {
  readonly putter: ObjectPutter;
  /** How many connections there may be. */
  readonly streams: Streams;
  readonly permits: Permits;
  readonly progress: SharedProgress;
  readonly retry: RetryTimes;
  /** Bytes that went out, of any object. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
};

export type SendableObject = {
  /** For messages. */
  readonly name: string;
  readonly wish: SlotWish;
  readonly size: number;
  /** sha256, hex. */
  readonly checksum: string;
  readonly pieces: () => Iterable<Buffer>;
  /** Whether the bytes are read where they could change. */
  readonly volatile: boolean;
  /** Bytes of this attempt so far. */
  readonly onSent: (bytes: number) => void;
};

/**
 * Sends one object until it is stored: a new url when the old one is refused or too old, again after a pause when the network or the store
 * fails. An object whose answer got lost is sent again; that changes nothing. (D4-09, D5-07, D5-08)
 *
 * @returns the slot, or what the store has already
 * @throws TransferFault; `corrupt` means that the bytes have to be prepared anew
 */
export async function sendObject(
  object: SendableObject,
  desk: SlotDesk,
  sending: Sending,
): Promise<GivenSlot | StoredChunk> {
  const { streams, permits, progress, signal, log } = sending;
  const policy = new RetryPolicy(progress, sending.retry);
  const wish = { ...object.wish, size: object.size, sha256: object.checksum };
  let slot: GivenSlot | undefined;
  let furthest = 0;
  for (;;) {
    if (slot === undefined || !isUsable(slot)) {
      const given = await desk.ask(wish);
      if (!("url" in given)) return given;
      slot = given;
    }
    const release = await permits.take(signal);
    let sent = 0;
    try {
      await sending.putter.put({
        url: slot.url,
        headers: slot.headers,
        size: object.size,
        ...(object.volatile ? { checksum: object.checksum } : {}),
        pieces: object.pieces(),
        signal,
        onSent: (bytes) => {
          sent += bytes;
          sending.onBytes(bytes);
          object.onSent(sent);
          // Only what had not come that far before is progress: a store that breaks off every time is given up.
          if (sent > furthest) progress.note();
          furthest = Math.max(furthest, sent);
        },
      });
      progress.note();
      return slot;
    } catch (error) {
      object.onSent(0);
      release();
      // What the pieces throw is not the network's fault.
      if (error instanceof SourceChanged || isKind(error, "corrupt")) throw error;
      if (isOverload(faultOf(error).kind)) streams.overloaded();
      const verdict = policy.after(error);
      if (verdict.kind === "fail") throw verdict.fault;
      streams.failed();
      const wait = verdict.waitMs < 1000 ? "" : ` in ${Math.round(verdict.waitMs / 1000)} s`;
      log(`${object.name}: ${faultOf(error).message}; sending it again${wait}`);
      // A connection that broke may have hidden a refusal.
      if (!isKind(error, "throttled")) slot = undefined;
      await pause(verdict.waitMs, signal);
    } finally {
      release();
    }
  }
}
