import { ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { HostError } from "../errors/host-error.ts";

/** Conditions with which a daemon is broken, though it answers (spec host-daemon DB-3.8); with others it has problems. */
const breaking: ReadonlySet<string> = new Set(["state", "upgrade"]);

/** What the daemon is called as a whole. */
export function shownStatus(
  current: ServiceStatus,
  conditions: readonly { readonly name?: string; readonly ok?: boolean }[],
): ServiceStatus {
  const isBroken = conditions.some(({ name = "", ok = true }) => !ok && breaking.has(name));
  return current === ServiceStatus.OK && isBroken ? ServiceStatus.BROKEN : current;
}

/** The daemon's own state (spec host-daemon §3.4), and who waits for it to change. */
export class DaemonStatus {
  #current: ServiceStatus = ServiceStatus.STARTING;
  #change = Promise.withResolvers<void>();

  get current(): ServiceStatus {
    return this.#current;
  }

  set(status: ServiceStatus): void {
    this.#current = status;
    this.notify();
  }

  /** Tells watchers that something they show has changed. */
  notify(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Operations on nodes that are still being attached wait in their mailbox, so only an update or a broken daemon refuses. */
  requireOk(): void {
    if (this.#current === ServiceStatus.UPDATING) throw new HostError("gate", "pending update, try again later");
    if (this.#current === ServiceStatus.BROKEN) throw new HostError("gate", "service is broken, call support");
  }

  /** The status now and after each change; no change is missed while the reader is slow, though several may come as one. */
  async *watch(signal: AbortSignal): AsyncGenerator<ServiceStatus> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (!signal.aborted) {
      const change = this.#change.promise;
      yield this.#current;
      await Promise.race([change, aborted]);
    }
  }
}
