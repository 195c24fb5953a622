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
  #own: ServiceStatus = ServiceStatus.STARTING;
  #lease: { readonly endsAt: Date; readonly timer: NodeJS.Timeout } | undefined;
  #change = Promise.withResolvers<void>();

  get current(): ServiceStatus {
    return this.#lease === undefined ? this.#own : ServiceStatus.UPDATING;
  }

  set(status: ServiceStatus): void {
    this.#own = status;
    this.notify();
  }

  /** Nothing new is begun for so many milliseconds, or until it is said again, or `endUpdate` (spec host-daemon DB-3.2). */
  beginUpdate(leaseMs: number): void {
    clearTimeout(this.#lease?.timer);
    const timer = setTimeout(() => this.endUpdate(), leaseMs).unref();
    this.#lease = { endsAt: new Date(Date.now() + leaseMs), timer };
    this.notify();
  }

  endUpdate(): void {
    clearTimeout(this.#lease?.timer);
    this.#lease = undefined;
    this.notify();
  }

  /** Undefined: it is not about to be replaced. */
  get updateEndsAt(): Date | undefined {
    return this.#lease?.endsAt;
  }

  /** Tells watchers that something they show has changed. */
  notify(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Operations on nodes that are still being attached wait in their mailbox, so only an update or a broken daemon refuses. */
  requireOk(): void {
    if (this.current === ServiceStatus.UPDATING) throw new HostError("gate", "pending update, try again later");
    if (this.current === ServiceStatus.BROKEN) throw new HostError("gate", "service is broken, call support");
  }

  /** The status now and after each change; no change is missed while the reader is slow, though several may come as one. */
  async *watch(signal: AbortSignal): AsyncGenerator<ServiceStatus> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (!signal.aborted) {
      const change = this.#change.promise;
      yield this.current;
      await Promise.race([change, aborted]);
    }
  }
}
