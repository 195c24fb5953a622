import { monotonicMs } from "../transfer/retry.ts";
import { SLOTS_PER_REQUEST, type SlotWish, type StoredChunk, type UploadSlot, type UploadTarget } from "./target.ts";

/** An url is given up when this much of its time has passed. (D5-08) */
const USABLE = 0.8;

/** A url to send one object to, until it is too old to begin with. */
export type GivenSlot = UploadSlot & { readonly usableUntil: number };

type Waiting = {
  readonly wish: SlotWish;
  readonly resolve: (slot: GivenSlot | StoredChunk) => void;
  readonly reject: (error: unknown) => void;
};

/** Asks for urls; who asks while an answer is awaited is served together with the others by the next request. */
export class SlotDesk {
  readonly #target: UploadTarget;
  readonly #dataVersion: number;
  readonly #expiresSecs: number;
  #waiting: Waiting[] = [];
  #asking = false;

  constructor(target: UploadTarget, dataVersion: number, expiresSecs: number) {
    this.#target = target;
    this.#dataVersion = dataVersion;
    this.#expiresSecs = expiresSecs;
  }

  ask(wish: SlotWish): Promise<GivenSlot | StoredChunk> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ wish, resolve, reject });
      if (!this.#asking) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.splice(0, SLOTS_PER_REQUEST);
      const usableUntil = monotonicMs() + this.#expiresSecs * 1000 * USABLE;
      try {
        const wishes = asked.map(({ wish }) => wish);
        const given = await this.#target.slots(this.#dataVersion, wishes, this.#expiresSecs);
        for (const [i, { resolve }] of asked.entries()) {
          const slot = given[i]!;
          resolve("url" in slot ? { ...slot, usableUntil } : slot);
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#asking = false;
  }
}

export const isUsable = (slot: GivenSlot): boolean => monotonicMs() < slot.usableUntil;
