import { EventEmitter, once } from "node:events";
import { ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { HostError } from "../errors/host-error.ts";

/** The daemon's own state (spec host-daemon §3.4), and who waits for it to change. */
export class DaemonStatus {
  #current: ServiceStatus = ServiceStatus.STARTING;
  readonly #changes = new EventEmitter<{ change: [] }>().setMaxListeners(0);

  get current(): ServiceStatus {
    return this.#current;
  }

  set(status: ServiceStatus): void {
    this.#current = status;
    this.notify();
  }

  /** Tells watchers that something they show has changed. */
  notify(): void {
    this.#changes.emit("change");
  }

  /** Operations on nodes that are still being attached wait in their mailbox, so only an update or a broken daemon refuses. */
  requireOk(): void {
    if (this.#current === ServiceStatus.UPDATING) throw new HostError("gate", "pending update, try again later");
    if (this.#current === ServiceStatus.BROKEN) throw new HostError("gate", "service is broken, call support");
  }

  async *watch(signal: AbortSignal): AsyncGenerator<ServiceStatus> {
    while (!signal.aborted) {
      yield this.#current;
      try {
        await once(this.#changes, "change", { signal });
      } catch {
        return;
      }
    }
  }
}
