import { once } from "node:events";
import { faultOf, isDiskFull, TransferFault } from "../transfer/fault.ts";
import { getObject, type KeptConnections } from "../transfer/get-object.ts";
import { cancelled, pause, RetryPolicy, type RetryTimes, type SharedProgress } from "../transfer/retry.ts";
import type { StallLimit } from "../transfer/stall-watch.ts";
import type { Throttle } from "../transfer/throttle.ts";
import type { Windows } from "../transfer/windows.ts";
import { WINDOW_LOG } from "../transfer/zstd-frame.ts";
import { ChunkSink, Damaged } from "./chunk-sink.ts";
import { hashOnDisk } from "./hash-on-disk.ts";
import type { ChunkOrder, FromThread, TransferCounters } from "./orders.ts";
import type { Tree } from "./tree.ts";
import { LargerWindow } from "./zstd-reader.ts";

/** What all fetches of a thread use. */
export type FetchContext = {
  readonly connections: KeptConnections;
  readonly throttle: Throttle;
  readonly progress: SharedProgress;
  readonly counters: TransferCounters;
  readonly windows: Windows;
  readonly retry: RetryTimes;
  readonly stall: StallLimit;
  readonly output: Uint8Array;
  readonly tell: (message: FromThread) => void;
};

/** Fetches one chunk until it is written and verified, through whatever happens on the way; parked, it waits without a connection. */
export class ChunkFetch {
  readonly #id: number;
  readonly #order: ChunkOrder;
  readonly #tree: Tree;
  readonly #context: FetchContext;
  readonly #cancel = new AbortController();
  /** Ends the exchange that is going on, not the fetch. */
  #exchange = new AbortController();
  readonly #events = new EventTarget();
  #parked = false;
  #url: string | undefined;
  #written = 0;
  /** Bytes of memory that were taken for its decompressor. */
  #window = 0;

  constructor(id: number, order: ChunkOrder, tree: Tree, context: FetchContext) {
    this.#id = id;
    this.#order = order;
    this.#tree = tree;
    this.#context = context;
    this.#url = order.chunk.url;
  }

  park(parked: boolean): void {
    this.#parked = parked;
    if (parked) this.#exchange.abort();
    else this.#events.dispatchEvent(new Event("unparked"));
  }

  renew(url: string): void {
    this.#url = url;
    this.#events.dispatchEvent(new Event("url"));
  }

  cancel(): void {
    this.#cancel.abort();
  }

  async run(): Promise<void> {
    const { tell, counters } = this.#context;
    try {
      if (this.#order.kind === "hash") await hashOnDisk(this.#order, this.#tree, this.#context);
      else await this.#fetch();
      tell({ kind: "done", id: this.#id });
    } catch (error) {
      const { kind, message } = faultOf(error);
      const flags = { full: isDiskFull(error), damaged: error instanceof Damaged };
      tell({ kind: "failed", id: this.#id, fault: kind, message, ...flags });
    } finally {
      counters.addUnfinished(-this.#written);
    }
  }

  async #fetch(): Promise<void> {
    const { progress, retry, output, counters, tell } = this.#context;
    const policy = new RetryPolicy(progress, retry);
    const purpose = this.#order.kind === "compare" ? "compare" : "write";
    let sink: ChunkSink | undefined;
    let { fresh } = this.#order;
    let windowLog: number | undefined;
    const startAnew = (): void => {
      this.#close(sink);
      sink = undefined;
      // What was written so far may be wrong, also where nothing but zeros belongs.
      fresh = false;
      counters.addUnfinished(-this.#written);
      this.#written = 0;
    };
    try {
      for (;;) {
        // Others may wait for the memory that it has.
        if (this.#parked && this.#window > 0) startAnew();
        await this.#unparked();
        try {
          const given = windowLog === undefined ? {} : { windowLog };
          sink ??= await ChunkSink.open({ ...this.#order, ...given, fresh, purpose, output }, this.#tree);
          if (this.#order.chunk.size > 0) await this.#receive(sink, policy);
          return sink.finish();
        } catch (error) {
          if (this.#cancel.signal.aborted) throw cancelled();
          // Parked; or already unparked again.
          if (this.#exchange.signal.aborted) {
            this.#exchange = new AbortController();
            continue;
          }
          if (error instanceof LargerWindow) {
            windowLog = WINDOW_LOG;
            startAnew();
            continue;
          }
          const verdict = policy.after(error);
          if (verdict.kind === "fail") throw verdict.fault;
          if (verdict.from === "beginning") startAnew();
          const { kind, message } = faultOf(error);
          tell({ kind: "retry", id: this.#id, fault: kind, message, waitMs: verdict.waitMs });
          if (verdict.newUrl) this.#url = undefined;
          await pause(verdict.waitMs, this.#cancel.signal);
        }
      }
    } finally {
      this.#close(sink);
    }
  }

  #close(sink: ChunkSink | undefined): void {
    sink?.close();
    this.#context.windows.giveBack(this.#window);
    this.#window = 0;
  }

  async #receive(sink: ChunkSink, policy: RetryPolicy): Promise<void> {
    const { connections, stall, throttle, counters, windows } = this.#context;
    const { size } = this.#order.chunk;
    if (sink.received === size) return;
    const url = this.#url ?? (await this.#freshUrl());
    this.#exchange = new AbortController();
    const signal = AbortSignal.any([this.#exchange.signal, this.#cancel.signal]);
    for await (const piece of getObject(url, { from: sink.received, size }, { connections, signal, stall })) {
      const windowLog = sink.windowLogFrom(piece);
      if (windowLog !== undefined) this.#window = await windows.take(windowLog, signal);
      const began = performance.now();
      const written = sink.write(piece);
      counters.addWrite(performance.now() - began);
      this.#written += written;
      counters.addUnfinished(written);
      counters.addReceived(piece.length);
      policy.succeeded();
      await throttle.take(piece.length, signal);
    }
  }

  async #freshUrl(): Promise<string> {
    this.#context.tell({ kind: "url-wanted", id: this.#id });
    await this.#event("url");
    if (this.#url === undefined) throw new TransferFault("transient", `missing chunk ${this.#order.chunk.key} url`);
    return this.#url;
  }

  async #unparked(): Promise<void> {
    while (this.#parked) await this.#event("unparked");
    if (this.#cancel.signal.aborted) throw cancelled();
  }

  async #event(name: string): Promise<void> {
    await once(this.#events, name, { signal: this.#cancel.signal }).catch(() => {
      throw cancelled();
    });
  }
}
