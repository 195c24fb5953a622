import type { Chunk, Codec } from "../format/chunk.ts";
import type { FaultKind } from "../transfer/fault.ts";
import type { RetryTimes } from "../transfer/retry.ts";
import type { StallLimit } from "../transfer/stall-watch.ts";

/** One chunk that a thread is to deal with. */
export type ChunkOrder = {
  readonly kind: /** Fetch and write it. */
    | "write"
    /** Fetch it and compare it with what is there. */
    | "compare"
    /** Compare the hash of what is there with `content`. */
    | "hash";
  /** sha256 of the uncompressed bytes, for `hash`. */
  readonly content?: string;
  readonly chunk: Chunk;
  readonly codec: Codec;
  /** Final lengths of the files of the destinations. */
  readonly lengths: readonly number[];
  readonly fresh: boolean;
  /** Folder that destinations are relative to. */
  readonly root: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
};

export type ThreadData = {
  readonly throttle: SharedArrayBuffer;
  readonly progress: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly windows: SharedArrayBuffer;
  readonly retry: RetryTimes;
  readonly stall: StallLimit;
};

export type ToThread =
  | { readonly kind: "fetch"; readonly id: number; readonly order: ChunkOrder }
  | { readonly kind: "url"; readonly id: number; readonly url: string }
  /** Lets go of the connection, keeps what is there, and goes on later. */
  | { readonly kind: "park"; readonly id: number; readonly parked: boolean }
  | { readonly kind: "cancel"; readonly id: number };

export type FromThread =
  | { readonly kind: "url-wanted"; readonly id: number }
  | {
      readonly kind: "retry";
      readonly id: number;
      readonly fault: FaultKind;
      readonly message: string;
      readonly waitMs: number;
    }
  | { readonly kind: "done"; readonly id: number }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly fault: FaultKind;
      readonly message: string;
      readonly full: boolean;
      /** The data on disk is not what it should be. */
      readonly damaged: boolean;
    };

/** Counters that all threads add to. */
export class TransferCounters {
  readonly shared: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(32)) {
    this.shared = shared;
    this.#cells = new BigInt64Array(shared);
  }

  addReceived(bytes: number): void {
    Atomics.add(this.#cells, 0, BigInt(bytes));
  }

  /** Uncompressed bytes of chunks that are not finished; a chunk that is, or begins again, takes its own back. */
  addUnfinished(bytes: number): void {
    Atomics.add(this.#cells, 1, BigInt(bytes));
  }

  /** A piece was decompressed and written, which takes long only where the disk does. */
  addWrite(milliseconds: number): void {
    Atomics.add(this.#cells, 2, 1n);
    Atomics.add(this.#cells, 3, BigInt(Math.round(milliseconds * 1000)));
  }

  /** How many pieces were written, and how long that took in all. */
  get writes(): { readonly count: number; readonly milliseconds: number } {
    return { count: Number(Atomics.load(this.#cells, 2)), milliseconds: Number(Atomics.load(this.#cells, 3)) / 1000 };
  }

  get received(): number {
    return Number(Atomics.load(this.#cells, 0));
  }

  get unfinished(): number {
    return Number(Atomics.load(this.#cells, 1));
  }
}
